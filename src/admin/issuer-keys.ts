import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { AppError, messageOf } from '../core/errors.ts';

/** Keys are good for this long, milliseconds: an issuer that takes one back is heard by then. */
const KEEP_MS = 10 * 60_000;
/** A token with an unknown key makes no more than one look in this time, milliseconds. */
const LOOK_MS = 30_000;
/** An issuer that could not be asked is asked again after this time, milliseconds: a stranger's token is enough to have it asked. */
const PAUSE_MS = 5000;

/** The keys of an OpenID Connect issuer (RFC 7517), fetched when they are needed. */
export class IssuerKeys {
  readonly #url: string;
  readonly #clock: Clock;
  #keys = new Map<string, KeyObject>();
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  #failed: { readonly at: number; readonly error: AppError } | undefined;

  constructor(url: string, clock: Clock) {
    this.#url = url;
    this.#clock = clock;
  }

  /** Undefined: the issuer has no such key. Throws `upstream.failed` if it cannot be asked. */
  async find(kid: string): Promise<KeyObject | undefined> {
    const age = this.#clock.now() - this.#fetchedAt;
    if (age > KEEP_MS || (!this.#keys.has(kid) && age > LOOK_MS)) {
      this.#fetching ??= this.#fetch().finally(() => {
        this.#fetching = undefined;
      });
      await this.#fetching;
    }
    return this.#keys.get(kid);
  }

  async #fetch(): Promise<void> {
    if (this.#failed && this.#clock.now() - this.#failed.at < PAUSE_MS) throw this.#failed.error;
    try {
      // Its client takes longer to load than all the rest, and most have no issuer.
      const { fetchJson } = await import('./fetch-json.ts');
      const { keys } = (await fetchJson(this.#url)) as { keys: unknown[] };
      this.#keys = new Map(keys.flatMap(keyOf));
      this.#fetchedAt = this.#clock.now();
      this.#failed = undefined;
    } catch (cause) {
      const message = `The issuer's keys cannot be had (${messageOf(cause)}): try again`;
      const error = new AppError('upstream.failed', message, { cause, retryAfter: PAUSE_MS / 1000 });
      this.#failed = { at: this.#clock.now(), error };
      throw error;
    }
  }
}

/** A key that signs and has a name; what else is in a set (RFC 7517, section 5) is passed over. */
function keyOf(value: unknown): [string, KeyObject][] {
  const jwk = value as JsonWebKey & { kid?: unknown; use?: unknown };
  if (typeof jwk !== 'object' || jwk === null || typeof jwk.kid !== 'string') return [];
  if ((jwk.use !== undefined && jwk.use !== 'sig') || !['RSA', 'EC'].includes(jwk.kty as string)) return [];
  try {
    return [[jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]];
  } catch {
    return [];
  }
}
