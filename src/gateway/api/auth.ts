import { createHash, timingSafeEqual } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import type { TokenClaims, Tokens } from '../../sessions/tokens.ts';

/** Who calls: the owner with the credential, or somebody in a terminal with its session's token. */
export type Principal =
  | { readonly kind: 'owner'; readonly owner: string }
  | { readonly kind: 'session'; readonly claims: TokenClaims };

/** The one owner of a local manager. */
export interface Owner {
  readonly name: string;
  /** Bearer secret of the owner. */
  readonly credential: string;
}

/**
 * Who sent this `Authorization` header (RFC 6750, section 2.1). Throws `auth.missing` and `auth.invalid`.
 */
export function authenticate(header: string | undefined, owner: Owner, tokens: Pick<Tokens, 'verify'>): Principal {
  const token = /^Bearer +([\x21-\x7e]+)$/i.exec(header ?? '')?.[1];
  if (token === undefined) {
    throw new AppError(
      'auth.missing',
      "The header `Authorization: Bearer` with the owner's credential or a session's token is missing",
    );
  }
  if (isSame(token, owner.credential)) return { kind: 'owner', owner: owner.name };
  return { kind: 'session', claims: tokens.verify(token) };
}

/** In a time that does not depend on where they differ, nor on their lengths. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
