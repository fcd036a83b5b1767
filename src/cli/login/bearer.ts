import { AppError } from '../../core/errors.ts';
import { callApi } from '../api-client.ts';
import type { CliIo } from '../io.ts';
import { managerUrl, ownerCredential } from '../manager-address.ts';
import type { Login } from './login-file.ts';
import { readLogin, writeLogin } from './login-file.ts';

type BearerSource = Pick<CliIo, 'env' | 'clock'>;

/** A token that ends sooner is made anew before it is used. */
const MARGIN_MS = 30_000;

/** What the admin API answers to `login` and `refresh-token`. */
export interface IssuedToken {
  readonly token: string;
  /** Seconds. */
  readonly expires_in?: number;
  readonly refresh_token?: string;
  readonly role?: string;
}

/** What an issued token says of how long it is good for. */
export const lifeOf = (issued: IssuedToken, now: number): Pick<Login, 'expiresAt' | 'refreshToken'> => ({
  ...(issued.expires_in !== undefined && { expiresAt: now + issued.expires_in * 1000 }),
  ...(issued.refresh_token !== undefined && { refreshToken: issued.refresh_token }),
});

/** Who is logged in here, with a token that is good now; undefined: nobody. Rejects with `auth.invalid` where it has lapsed. */
export async function currentLogin(io: BearerSource): Promise<Login | undefined> {
  const login = await readLogin(io.env, managerUrl(io.env));
  if (!login?.expiresAt || login.expiresAt - io.clock.now() > MARGIN_MS) return login;
  return refreshed(io, login);
}

/** A login's token. Rejects with `auth.missing` where nobody is logged in. */
export async function adminBearer(io: BearerSource): Promise<string> {
  const login = await currentLogin(io);
  if (login) return login.token;
  throw new AppError('auth.missing', "this needs an account: run 'mcp-session-manager login' first");
}

/** For what an account may do, and the owner too: the login's token, else the owner's credential. */
export async function bearer(io: BearerSource): Promise<string> {
  return (await currentLogin(io))?.token ?? ownerCredential(io.env);
}

async function refreshed(io: BearerSource, login: Login): Promise<Login> {
  try {
    if (!login.refreshToken) throw new AppError('auth.invalid', 'The token has expired');
    const body = { refresh_token: login.refreshToken };
    const call = { method: 'POST', path: '/admin/api/refresh-token', body } as const;
    const issued = (await callApi(login.url, call)) as IssuedToken;
    const next = { ...login, token: issued.token, ...lifeOf(issued, io.clock.now()) };
    await writeLogin(io.env, next);
    return next;
  } catch (error) {
    // Anything else is an outage, in which the login is as good as before.
    if (!(error instanceof AppError) || error.code !== 'auth.invalid') throw error;
    // A refresh token is good once: another command may have been quicker.
    const other = await readLogin(io.env, login.url);
    if (other && other.token !== login.token) return other;
    throw new AppError('auth.invalid', "your login has expired: run 'mcp-session-manager login' again", {
      cause: error,
    });
  }
}
