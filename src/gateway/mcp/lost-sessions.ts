import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { Recent } from '../../core/recent.ts';
import type { SessionRecord } from '../../core/session.ts';
import { ENDED_MS, type Lifecycle, type SessionIdentity } from '../../sessions/lifecycle.ts';
import type { TokenClaims } from '../../sessions/tokens.ts';

/** Clocks of replicas, and that of the store, may differ by so much; a token is issued so long after its session was used. */
const MARGIN_MS = 120_000;
/** Of so many sessions it is remembered that they are over, or that they were lost. */
const REMEMBERED = 10_000;

export interface LostSessionsOptions {
  readonly lifecycle: Pick<Lifecycle, 'wasEnded'>;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * Tells a session that was lost from one that is over. One that is not in the store is lost if nobody has ended it and it
 * cannot have expired: before its maximum age, and before its idle deadline as it is known here. That follows from the last time
 * this replica has kept it alive, or from its token, which was issued when it was used. Where neither says so, or it cannot be known
 * whether it was ended, it is taken for one that is over: what is counted as lost is lost, though not all that is lost is counted.
 */
export class LostSessions {
  readonly #options: LostSessionsOptions;
  /** Until when a session cannot expire, milliseconds since the epoch, by nonce. */
  readonly #aliveUntil = new Map<string, number>();
  /** However often its client comes back, and whatever the store forgets: it is over. */
  readonly #over = new Recent<string>(REMEMBERED);
  readonly #told = new Recent<string>(REMEMBERED);

  constructor(options: LostSessionsOptions) {
    this.#options = options;
  }

  /** The store has kept the session alive. @param at when it was asked to, at the latest, milliseconds since the epoch */
  kept({ nonce, idleTtlMs, maxAt }: Pick<SessionRecord, 'nonce' | 'idleTtlMs' | 'maxAt'>, at: number): void {
    this.#aliveUntil.set(nonce, Math.min(at + known(idleTtlMs), maxAt - MARGIN_MS));
  }

  /** Forgets what does not matter any more. Called from time to time. */
  sweep(): void {
    const now = this.#options.clock.now();
    for (const [nonce, until] of this.#aliveUntil) if (until <= now) this.#aliveUntil.delete(nonce);
  }

  /**
   * Whether this session, which is not in the store, should be there.
   * @param token of the session; undefined: what is known here has to do
   */
  async isLost({ id, nonce }: SessionIdentity, token?: TokenClaims): Promise<boolean> {
    if (this.#over.has(nonce)) return false;
    const aliveUntil = Math.max(aliveUntilBy(token), this.#aliveUntil.get(nonce) ?? 0);
    const { clock, lifecycle, log } = this.#options;
    if (clock.now() < aliveUntil && (await lifecycle.wasEnded({ id, nonce })) === false) {
      if (this.#told.add(nonce)) log.warn({ session: id }, 'a session that nobody has ended is gone');
      return true;
    }
    this.#over.add(nonce);
    this.#aliveUntil.delete(nonce);
    return false;
  }
}

function aliveUntilBy(token: TokenClaims | undefined): number {
  if (token?.idleTtlMs === undefined) return 0;
  return Math.min(token.issuedAt + known(token.idleTtlMs), token.expiresAt) - MARGIN_MS;
}

/** Of an idle time: so long it is known that somebody has ended the session. */
const known = (idleTtlMs: number): number => Math.min(idleTtlMs, ENDED_MS);
