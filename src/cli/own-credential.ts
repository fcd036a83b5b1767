import { AppError } from '../core/errors.ts';
import type { CliIo } from './io.ts';
import { ownerCredential } from './manager-address.ts';

/**
 * What opens this user's own sessions: the owner's credential, else the token of whoever is logged in, as on a machine that
 * is not the manager's. A login where the credential is too changes nothing: a terminal's session stays its owner's.
 * Rejects with `auth.missing` if there is neither.
 */
export async function ownCredential(io: Pick<CliIo, 'env' | 'clock'>): Promise<string> {
  try {
    return ownerCredential(io.env);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'auth.missing') throw error;
    const { currentLogin } = await import('./login/bearer.ts'); // seldom needed, by commands that must start fast
    const login = await currentLogin(io);
    if (login) return login.token;
    throw new AppError('auth.missing', `${error.message}; or log in: mcp-session-manager login`);
  }
}
