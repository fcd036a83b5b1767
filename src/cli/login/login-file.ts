import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../core/errors.ts';
import { stateDirectory } from '../../core/state-directory.ts';
import { PRIVATE, readText, replaceFile } from '../replace-file.ts';

/** What `login` leaves for the commands after it: one at a time, of one manager. */
export interface Login {
  /** The manager's address: the token is shown to no other. */
  readonly url: string;
  readonly username: string;
  readonly role: string;
  readonly token: string;
  /** Milliseconds since the epoch; absent: it is not known. */
  readonly expiresAt?: number;
  /** Absent: it cannot be made longer (a token of another issuer). */
  readonly refreshToken?: string;
}

const fileOf = (env: NodeJS.ProcessEnv): string => join(stateDirectory(env), 'login.json');

/** The login at the manager at `url`; undefined: nobody is logged in there. Throws `config.invalid` for a broken file. */
export async function readLogin(env: NodeJS.ProcessEnv, url: string): Promise<Login | undefined> {
  const text = await readText(fileOf(env));
  if (text === '') return undefined;
  try {
    const login = JSON.parse(text) as Login;
    return login.url === url && typeof login.token === 'string' ? login : undefined;
  } catch {
    throw new AppError('config.invalid', `${fileOf(env)} is damaged: run 'mcp-session-manager logout', then 'login'`);
  }
}

/** Keeps it where only this user can read it. */
export async function writeLogin(env: NodeJS.ProcessEnv, login: Login): Promise<void> {
  await replaceFile(fileOf(env), `${JSON.stringify(login, null, 2)}\n`, PRIVATE);
}

export async function forgetLogin(env: NodeJS.ProcessEnv): Promise<void> {
  await rm(fileOf(env), { force: true });
}
