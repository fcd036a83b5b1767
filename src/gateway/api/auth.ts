import { createHash, timingSafeEqual } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import type { Identities, Person } from '../../core/people.ts';
import type { TokenClaims, Tokens } from '../../sessions/tokens.ts';
import { unverifiedJwt } from '../../sessions/verify-jwt.ts';

/** Who calls: the owner with the credential, somebody who has logged in, or somebody in a terminal with its session's token. */
export type Principal =
  | { readonly kind: 'owner'; readonly owner: string }
  | { readonly kind: 'person'; readonly person: Person }
  | { readonly kind: 'session'; readonly claims: TokenClaims };

/** The one owner of a local manager. */
export interface Owner {
  readonly name: string;
  /** Bearer secret of the owner. */
  readonly credential: string;
}

/** What tells one caller from another. */
export interface Authorities {
  readonly owner: Owner;
  readonly tokens: Pick<Tokens, 'verify'>;
  readonly identities: Identities;
}

/**
 * Who sent this `Authorization` header (RFC 6750, section 2.1). Throws `auth.missing`, `auth.invalid`, and for the token of
 * a person what `Identities` throws.
 */
export async function authenticate(header: string | undefined, authorities: Authorities): Promise<Principal> {
  const token = /^Bearer +([\x21-\x7e]+)$/i.exec(header ?? '')?.[1];
  if (token === undefined) {
    throw new AppError(
      'auth.missing',
      "The header `Authorization: Bearer` with the owner's credential or a session's token is missing",
    );
  }
  const { owner, tokens, identities } = authorities;
  if (isSame(token, owner.credential)) return { kind: 'owner', owner: owner.name };
  if (isPersonal(token)) return { kind: 'person', person: await identities.verify(token) };
  return { kind: 'session', claims: tokens.verify(token) };
}

/** Tokens of people name their key, those of sessions, which have one key, do not. Nothing is checked yet. */
function isPersonal(token: string): boolean {
  return unverifiedJwt(token)?.kid !== undefined;
}

/** In a time that does not depend on where they differ, nor on their lengths. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
