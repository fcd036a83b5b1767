import { AppError } from '../../core/errors.ts';
import { callApi } from '../api-client.ts';
import type { CliIo } from '../io.ts';
import { jsonOutput } from '../json-output.ts';
import { managerUrl, ownerCredential } from '../manager-address.ts';
import { withProgress } from '../progress.ts';
import { oneLine } from '../text.ts';
import type { IssuedToken } from './bearer.ts';
import { currentLogin, lifeOf } from './bearer.ts';
import { forgetLogin, type Login, writeLogin } from './login-file.ts';
import { readSecret } from './secret-input.ts';

export interface LoginOptions {
  readonly username: string;
  /** `-`: stdin. */
  readonly passwordFile?: string;
  /** Holds a token of the issuer that the manager trusts, in place of name and password. */
  readonly tokenFile?: string;
}

/** What the admin API says of a token's holder. */
interface Identity {
  readonly name: string;
  readonly role: string;
}

/** Logs in and keeps the token for the commands after it. */
export async function login(io: CliIo, options: LoginOptions): Promise<number> {
  const url = managerUrl(io.env);
  const made = options.tokenFile
    ? await withToken(url, await readSecret(io, 'Token', options.tokenFile))
    : await withPassword(io, url, options);
  await writeLogin(io.env, made);
  io.stdout.write(`logged in at ${url} as ${oneLine(made.username)} (${oneLine(made.role)})\n`);
  return 0;
}

async function withPassword(io: CliIo, url: string, { username, passwordFile }: LoginOptions): Promise<Login> {
  const password = await readSecret(io, 'Password', passwordFile);
  const call = { method: 'POST', path: '/admin/api/login', body: { username, password } } as const;
  const issued = (await withProgress(io, 'logging in', callApi(url, call))) as IssuedToken;
  return { url, username, role: issued.role ?? 'admin', token: issued.token, ...lifeOf(issued, io.clock.now()) };
}

async function withToken(url: string, token: string): Promise<Login> {
  const { name, role } = await identityOf(url, token);
  return { url, username: name, role, token };
}

async function identityOf(url: string, token: string): Promise<Identity> {
  return (await callApi(url, { method: 'GET', path: '/admin/api/whoami', bearer: token })) as Identity;
}

/** Takes the token back and forgets it. Without a login there is nothing to do. */
export async function logout(io: CliIo): Promise<number> {
  const known = await currentLogin(io).catch(() => undefined); // one that has lapsed is as good as taken back
  let failure: unknown;
  if (known?.refreshToken) {
    const call = { method: 'POST', path: '/admin/api/logout', bearer: known.token } as const;
    await callApi(known.url, call).catch((error: unknown) => {
      failure = error;
    });
  }
  await forgetLogin(io.env);
  if (failure instanceof AppError && failure.status !== 401) throw notRevoked(failure);
  io.stdout.write(known ? `logged out at ${known.url}\n` : 'nobody was logged in\n');
  return 0;
}

const notRevoked = (failure: AppError): AppError =>
  new AppError(
    failure.code,
    `the login was forgotten here, but the manager could not be told: its tokens are good until they lapse (${failure.message})`,
    { cause: failure },
  );

/** Says who calls when a command is run here: an account, or the owner of the manager's state directory. */
export async function whoami(io: CliIo, options: { readonly json?: boolean }): Promise<number> {
  const url = managerUrl(io.env);
  const account = await currentLogin(io);
  if (!account) {
    await callApi(url, { method: 'GET', path: '/api/catalogue', bearer: ownerCredential(io.env) });
    io.stdout.write(
      options.json
        ? jsonOutput('whoami', { manager: url, kind: 'owner' })
        : `the owner of the manager at ${url}, by the credential in its state directory; no account is logged in\n`,
    );
    return 0;
  }
  const { name: username, role } = await identityOf(url, account.token);
  const expiresAt = account.expiresAt;
  io.stdout.write(
    options.json
      ? jsonOutput('whoami', { manager: url, kind: 'account', username, role, ...(expiresAt && { expiresAt }) })
      : `${oneLine(username)} (${oneLine(role)}) at ${url}\n`,
  );
  return 0;
}
