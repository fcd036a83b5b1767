import type { Catalogue } from '../core/catalogue.ts';
import type { HostStatus } from '../core/channel.ts';
import type { HostTotals } from '../core/controller-meter.ts';
import type { ServerName } from '../core/ids.ts';
import { countedAs } from './census.ts';

/** An instance that is left out for so long is not remembered, milliseconds. */
const FORGET_MS = 600_000;

/** What one host says. */
export interface HostAnswer {
  /** Of the server of its session, whatever instance of it that is. */
  readonly key: string;
  readonly server: ServerName;
  /** When the instance was started, milliseconds since the epoch. */
  readonly startedAt: number;
  /** Undefined: it did not answer. */
  readonly status: HostStatus | undefined;
}

interface Counts {
  readonly childExits: number;
  readonly replays: number;
  readonly cpuSeconds: number;
}

const NONE: Counts = { childExits: 0, replays: 0, cpuSeconds: 0 };

/**
 * Sums up over all instances of each server. A host counts from its own start, and instances come and go; so what counts is
 * what came since the same start (`boot`) was heard last. Of one that ran before all this began nobody knows what was
 * counted already: it counts from its first answer on.
 */
export class HostSums {
  readonly #catalogue: Catalogue;
  readonly #since: number;
  readonly #last = new Map<string, { readonly boot: string; readonly counts: Counts; readonly at: number }>();

  /** @param since when all this began, milliseconds since the epoch */
  constructor(catalogue: Catalogue, since: number) {
    this.#catalogue = catalogue;
    this.#since = since;
  }

  /**
   * One round of answers, one for each instance; `now`: milliseconds since the epoch.
   * @returns by name in the catalogue, or `OTHER_SERVER`
   */
  add(answers: readonly HostAnswer[], now: number): Map<string, HostTotals> {
    const totals = new Map<string, HostTotals>();
    for (const answer of answers) {
      const server = countedAs(this.#catalogue, answer.server);
      totals.set(server, together(totals.get(server), answer.status, this.#newsOf(answer, now)));
    }
    for (const [key, { at }] of this.#last) if (now - at > FORGET_MS) this.#last.delete(key);
    return totals;
  }

  /** What came since it was heard last. */
  #newsOf({ key, startedAt, status }: HostAnswer, now: number): Counts {
    const last = this.#last.get(key);
    if (!status) {
      if (last) this.#last.set(key, { ...last, at: now });
      return NONE;
    }
    const { boot, usage } = status;
    const [childExits, replays] = [amount(status.restarts), amount(status.replays)];
    // Where its use cannot be said this time, it is as it was.
    const before = last && last.boot === boot ? last.counts : NONE;
    const counts = { childExits, replays, cpuSeconds: usage ? amount(usage.cpuSeconds) : before.cpuSeconds };
    this.#last.set(key, { boot, counts, at: now });
    if (!last && startedAt < this.#since) return NONE;
    return {
      childExits: Math.max(0, childExits - before.childExits),
      replays: Math.max(0, replays - before.replays),
      cpuSeconds: Math.max(0, counts.cpuSeconds - before.cpuSeconds),
    };
  }
}

function together(sum: HostTotals | undefined, status: HostStatus | undefined, news: Counts): HostTotals {
  const memory = amount(status?.usage?.memoryBytes);
  const expiries = [sum?.certificateExpiresAt, status?.certificateExpiresAt].filter(isAmount);
  return {
    channels: (sum?.channels ?? 0) + amount(status?.channels),
    logBytes: (sum?.logBytes ?? 0) + amount(status?.logBytes),
    circuitsOpen: (sum?.circuitsOpen ?? 0) + (status?.circuit === 'open' ? 1 : 0),
    memoryBytes: (sum?.memoryBytes ?? 0) + memory,
    memoryMaxBytes: Math.max(sum?.memoryMaxBytes ?? 0, memory),
    ...(expiries.length > 0 ? { certificateExpiresAt: Math.min(...expiries) } : {}),
    unanswered: (sum?.unanswered ?? 0) + (status ? 0 : 1),
    childExits: (sum?.childExits ?? 0) + news.childExits,
    replays: (sum?.replays ?? 0) + news.replays,
    cpuSeconds: (sum?.cpuSeconds ?? 0) + news.cpuSeconds,
  };
}

/** A host may be of an earlier version, and what runs in an instance may have taken it over. */
const amount = (value: unknown): number => (isAmount(value) ? value : 0);

const isAmount = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;
