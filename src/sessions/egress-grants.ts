import { timingSafeEqual } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Clock } from '../core/clock.ts';
import type { EgressClaims } from '../core/egress.ts';
import { AppError } from '../core/errors.ts';
import type { ServerName } from '../core/ids.ts';
import type { SessionRecord } from '../core/session.ts';
import { InstanceKeys } from './instance-keys.ts';
import { deriveKey } from './keys.ts';
import { verifyJwt } from './verify-jwt.ts';

const ISSUER = 'mcp-session-manager';
const AUDIENCE = 'egress';
const PARTIES = { issuer: ISSUER, audience: AUDIENCE };

/**
 * Says where an instance may go (docs/adr/0007): JWT (RFC 7519), HS256, with a key of its own. Claims: `sid`, `non`, `srv`,
 * `inc` which instance, `hosts` where, `exp` the session's maximum age. A grant is worth nothing without the instance's
 * secret, and so is no secret itself.
 */
export class EgressGrants {
  readonly #key: Buffer;
  readonly #instances: InstanceKeys;
  readonly #clock: Clock;

  /** @param key the deployment's key */
  constructor(key: Uint8Array, clock: Clock) {
    this.#key = deriveKey(key, 'egress');
    this.#instances = new InstanceKeys(key);
    this.#clock = clock;
  }

  /** @param hosts canonical authorities (core/egress.ts) */
  issue(
    record: Pick<SessionRecord, 'id' | 'nonce' | 'maxAt'>,
    server: ServerName,
    incarnation: number,
    hosts: readonly string[],
  ): string {
    const who = { sid: record.id, non: record.nonce, srv: server, inc: incarnation };
    const claims = { iss: ISSUER, aud: AUDIENCE, ...who, hosts, exp: Math.ceil(record.maxAt / 1000) };
    return jwt.sign(claims, this.#key, { algorithm: 'HS256', noTimestamp: true });
  }

  /**
   * @param secret of the instance that shows the grant
   * @throws AppError `auth.invalid` for anything but a grant of this deployment that has not expired, with its own secret
   */
  verify(grant: string, secret: string): EgressClaims {
    const claims = this.#check(grant);
    const right = Buffer.from(
      this.#instances.secretOf({ id: claims.session, ...claims }, claims.server, claims.incarnation),
    );
    const given = Buffer.from(secret);
    if (right.length !== given.length || !timingSafeEqual(right, given)) throw invalid();
    return claims;
  }

  #check(grant: string): EgressClaims {
    const payload = verifyJwt(grant, this.#key, PARTIES, this.#clock, invalid);
    const { sid: session, non: nonce, srv: server, inc: incarnation, hosts } = payload;
    return { session, nonce, server, incarnation, hosts };
  }
}

function invalid(cause?: unknown): AppError {
  return new AppError('auth.invalid', 'The grant is not valid, has expired, or belongs to another instance', { cause });
}
