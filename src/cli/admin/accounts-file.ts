import { join, resolve } from 'node:path';
import { AppError } from '../../core/errors.ts';
import type { Role } from '../../core/people.ts';
import { stateDirectory } from '../../core/state-directory.ts';
import { PRIVATE, readText, replaceFile } from '../replace-file.ts';

/** One account, as the file has it. */
export interface WrittenAccount {
  readonly name: string;
  readonly role: Role;
  /** A hash (core/password.ts). */
  readonly password?: string;
  /** In place of it: a file with the password, relative to that of the accounts. */
  readonly passwordFile?: string;
}

/** The file of accounts (docs/admin-api.md); fields that are not ours stay as they are. */
interface AccountsFile {
  readonly accounts: readonly WrittenAccount[];
}

const ADMIN = 'admin';

/** `$MCP_SESSION_MANAGER_ACCOUNTS_FILE`, else `accounts.json` in the state directory. */
function fileOf(env: NodeJS.ProcessEnv): string {
  const given = env.MCP_SESSION_MANAGER_ACCOUNTS_FILE;
  return given ? resolve(given) : join(stateDirectory(env), 'accounts.json');
}

/**
 * The accounts of the manager whose state directory this is. Where there is no file yet it is the one that the manager has
 * made by itself, so that it is not lost when the file is written. Throws `config.invalid` for a file that is no such file.
 */
export async function readAccounts(env: NodeJS.ProcessEnv): Promise<AccountsFile> {
  const file = fileOf(env);
  const text = await readText(file);
  if (text === '') return { accounts: await firstAccount(env) };
  try {
    const parsed = JSON.parse(text) as AccountsFile;
    return { ...parsed, accounts: Array.isArray(parsed.accounts) ? parsed.accounts : [] };
  } catch {
    throw new AppError('config.invalid', `${file} is not JSON: mend it, or take it back from your backup`);
  }
}

/** The manager reads it again by itself. */
export async function writeAccounts(env: NodeJS.ProcessEnv, file: AccountsFile): Promise<void> {
  await replaceFile(fileOf(env), `${JSON.stringify(file, null, 2)}\n`, PRIVATE);
}

/** Its password stays where it is: one that is written in another form would end the logins of the account. */
async function firstAccount(env: NodeJS.ProcessEnv): Promise<WrittenAccount[]> {
  const file = join(stateDirectory(env), 'admin-password');
  return (await readText(file)) === '' ? [] : [{ name: ADMIN, role: 'admin', passwordFile: file }];
}
