import jwt from 'jsonwebtoken';
import type { Clock } from '../core/clock.ts';

/** Whom a token is from and for (RFC 7519, sections 4.1.1 and 4.1.3). */
export interface Parties {
  readonly issuer: string;
  readonly audience: string;
}

/**
 * The claims of a token that this key has signed (HS256 and nothing else), for these parties, and that has not expired. One
 * without a time of expiry, which would be good for ever, is refused.
 * @param refused makes the error that is thrown for any other
 */
export function verifyJwt(
  token: string,
  key: Buffer,
  { issuer, audience }: Parties,
  clock: Clock,
  refused: (cause?: unknown) => Error,
): jwt.JwtPayload & { readonly exp: number } {
  let payload: jwt.JwtPayload | string;
  try {
    payload = jwt.verify(token, key, { algorithms: ['HS256'], issuer, audience, clockTimestamp: clock.now() / 1000 });
  } catch (cause) {
    throw refused(cause);
  }
  if (typeof payload === 'string' || payload.exp === undefined) throw refused();
  return { ...payload, exp: payload.exp };
}

/** What a token says of itself, nothing of which is checked; undefined: it is no JWT. */
export function unverifiedJwt(
  token: string,
): { readonly kid: string | undefined; readonly claims: jwt.JwtPayload } | undefined {
  try {
    const decoded = jwt.decode(token, { complete: true });
    // `null` is JSON too.
    const claims = typeof decoded?.payload === 'object' ? (decoded.payload ?? {}) : {};
    return decoded ? { kid: decoded.header.kid, claims } : undefined;
  } catch {
    return undefined; // its payload is not JSON
  }
}
