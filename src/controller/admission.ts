import type { ServerName, SessionId } from '../core/ids.ts';
import { keyOf } from './instances.ts';

export interface AdmissionLimits {
  /** Instances that may run at once. */
  readonly instances: number;
  /** Of one owner. */
  readonly perOwner: number;
  /** Starts that may wait for a place. */
  readonly queue: number;
}

/** Who wants a place, or has one. */
export interface Claim {
  readonly session: SessionId;
  readonly server: ServerName;
  readonly owner: string;
}

/** One that waits. */
export interface Waiting extends Claim {
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** `full`: too many wait already. */
export type Answer = 'go' | 'wait' | 'full';

/**
 * Which instance may be started now. First come, first served; but who waits only because of an owner's own limit keeps nobody
 * else waiting. A place is taken by what runs or is being started, so nothing has to be given back.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #taken: () => Iterable<Claim>;
  readonly #waiting = new Map<string, Waiting>();

  constructor(limits: AdmissionLimits, taken: () => Iterable<Claim>) {
    this.#limits = limits;
    this.#taken = taken;
  }

  /** Whoever is told `go` starts without giving way, so that its place is taken when the next one asks. */
  ask(claim: Waiting): Answer {
    const key = keyOf(claim.session, claim.server);
    const mine = this.#waiting.get(key) ?? claim;
    const granted = this.#granted(mine);
    if (granted === 'taken' || granted.includes(mine)) {
      this.#waiting.delete(key);
      return 'go';
    }
    if (!this.#waiting.has(key) && this.#waiting.size >= this.#limits.queue) return 'full';
    this.#waiting.set(key, mine);
    return 'wait';
  }

  /** It is not wanted any more. */
  leave(session: SessionId, server: ServerName): void {
    this.#waiting.delete(keyOf(session, server));
  }

  /** Servers of this session that wait. */
  of(session: SessionId): ServerName[] {
    return [...this.#waiting.values()].filter((claim) => claim.session === session).map(({ server }) => server);
  }

  /** How many wait for a place, and how many have one. */
  get load(): { readonly waiting: number; readonly running: number } {
    return { waiting: this.#waiting.size, running: this.#uniquely().size };
  }

  /** Those that wait though there is a place for them. */
  admitted(): readonly Claim[] {
    if (this.#waiting.size === 0) return [];
    const granted = this.#granted(undefined);
    return granted === 'taken' ? [] : granted;
  }

  /** How many wait and have no place, and whose places would help: one owner's, or anybody's. */
  wanted(): { readonly count: number; readonly owner: string | undefined } {
    const owners = new Set([...this.#waiting.values()].map(({ owner }) => owner));
    const [only] = owners;
    const used = [...this.#uniquely().values()];
    const blocked = (owner: string) => used.filter((other) => other === owner).length >= this.#limits.perOwner;
    return {
      count: this.#waiting.size - this.admitted().length,
      owner: owners.size === 1 && only !== undefined && blocked(only) ? only : undefined,
    };
  }

  /** Who of the waiting, and `more`, has a place, in order; `taken`: `more` has had one all along. */
  #granted(more: Waiting | undefined): Waiting[] | 'taken' {
    const used = this.#uniquely();
    if (more && used.has(keyOf(more.session, more.server))) return 'taken';
    const perOwner = new Map<string, number>();
    for (const owner of used.values()) perOwner.set(owner, (perOwner.get(owner) ?? 0) + 1);
    let total = used.size;
    const all = new Set(this.#waiting.values());
    if (more) all.add(more);
    const granted: Waiting[] = [];
    for (const claim of [...all].sort((a, b) => a.since - b.since)) {
      if (total >= this.#limits.instances) break;
      const own = perOwner.get(claim.owner) ?? 0;
      if (own >= this.#limits.perOwner) continue;
      perOwner.set(claim.owner, own + 1);
      total += 1;
      granted.push(claim);
    }
    return granted;
  }

  /** Owners by key: one that is being started may run already. */
  #uniquely(): Map<string, string> {
    const used = new Map<string, string>();
    for (const { session, server, owner } of this.#taken()) used.set(keyOf(session, server), owner);
    return used;
  }
}
