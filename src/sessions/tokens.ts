import jwt from 'jsonwebtoken';
import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import type { SessionRecord } from '../core/session.ts';
import { deriveKey } from './keys.ts';
import { verifyJwt } from './verify-jwt.ts';

const ISSUER = 'mcp-session-manager';
const AUDIENCE = 'mcp';
const PARTIES = { issuer: ISSUER, audience: AUDIENCE };

/** What a session's token says. That the session is still there, with this nonce, is for the caller to look up. */
export interface TokenClaims {
  readonly session: SessionId;
  readonly owner: string;
  /** `SessionRecord.nonce` of the session that it was issued for. */
  readonly nonce: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Milliseconds since the epoch: the session was there then. */
  readonly issuedAt: number;
  /** `SessionRecord.idleTtlMs`; undefined: the token does not say. */
  readonly idleTtlMs: number | undefined;
}

/** Session tokens: JWT (RFC 7519), HS256. Claims: `sid` the session's id, `non` its nonce, `sub` its owner, `idl` its idle time in seconds. */
export class Tokens {
  readonly #key: Buffer;
  readonly #clock: Clock;
  readonly #capacity: number;
  /** Verified tokens, least recently used first: verifying costs more than all else a gateway does for a tool call. */
  readonly #verified = new Map<string, TokenClaims>();

  /**
   * @param key the deployment's key
   * @param capacity verified tokens that are remembered
   */
  constructor(key: Uint8Array, clock: Clock, capacity = 10_000) {
    this.#key = deriveKey(key, 'tokens');
    this.#clock = clock;
    this.#capacity = capacity;
  }

  /** A token that is good until the session's maximum age; the session's end revokes it sooner. */
  issue(record: Pick<SessionRecord, 'id' | 'nonce' | 'owner' | 'maxAt' | 'idleTtlMs'>): string {
    const claims = {
      iss: ISSUER,
      aud: AUDIENCE,
      sub: record.owner,
      sid: record.id,
      non: record.nonce,
      iat: Math.floor(this.#clock.now() / 1000),
      exp: Math.ceil(record.maxAt / 1000),
      idl: Math.floor(record.idleTtlMs / 1000),
    };
    return jwt.sign(claims, this.#key, { algorithm: 'HS256' });
  }

  /** Throws `auth.invalid` for anything but a token of this deployment that has not expired. */
  verify(token: string): TokenClaims {
    const known = this.#verified.get(token);
    if (known) {
      this.#verified.delete(token);
      if (known.expiresAt <= this.#clock.now()) throw invalid();
      this.#verified.set(token, known);
      return known;
    }
    const claims = this.#check(token);
    if (this.#verified.size >= this.#capacity) {
      for (const oldest of this.#verified.keys()) {
        this.#verified.delete(oldest);
        break;
      }
    }
    this.#verified.set(token, claims);
    return claims;
  }

  #check(token: string): TokenClaims {
    const payload = verifyJwt(token, this.#key, PARTIES, this.#clock, invalid);
    const { sid, sub, non, exp, iat, idl } = payload;
    if (typeof sid !== 'string' || typeof sub !== 'string' || typeof non !== 'string') throw invalid();
    return {
      session: sid,
      owner: sub,
      nonce: non,
      expiresAt: exp * 1000,
      issuedAt: (iat ?? 0) * 1000,
      idleTtlMs: typeof idl === 'number' ? idl * 1000 : undefined,
    };
  }
}

function invalid(cause?: unknown): AppError {
  return new AppError(
    'auth.invalid',
    'The token is not valid, or has expired: run `mcp-session-manager init` in this terminal again',
    { cause },
  );
}
