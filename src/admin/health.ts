import type { HostControl, HostStatus } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { OperationsStore, ReplicaReport } from '../core/operations.ts';
import type { SessionRecord } from '../core/session.ts';
import type { SessionStore } from '../core/store.ts';
import { within } from '../core/within.ts';
import type { InstanceKeys } from '../sessions/instance-keys.ts';
import { eachOf } from './each-of.ts';
import { judge, type Reason, type ServerCounts } from './judge.ts';
import { countServers, readyServers } from './server-counts.ts';

/** For how long strangers get the same answer, milliseconds: that many of them ask costs the store and the hosts nothing. */
const KEEP_MS = 1000;
/** How long an instance may take to say how it is, milliseconds. */
const STATUS_MS = 1000;
/** Instances that are asked at once. */
const AT_ONCE = 32;
/** For how long instances are asked, milliseconds: where so many do not answer, the others' answers change nothing. */
const ASKING_MS = 3000;

/** How the whole deployment is. */
export interface Health {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  /** Why it is not healthy; empty: it is. */
  readonly reasons: readonly Reason[];
  readonly replicas: readonly ReplicaReport[];
  /** Undefined: the store did not say. */
  readonly sessions: readonly SessionRecord[] | undefined;
  readonly servers: ServerCounts;
}

export interface HealthCheckOptions {
  /** As it is: one that lost its records is not waited for. */
  readonly store: Pick<SessionStore, 'generation' | 'list'>;
  readonly operations: Pick<OperationsStore, 'replicas'>;
  readonly hosts: Pick<HostControl, 'status'>;
  readonly keys: InstanceKeys;
  readonly clock: Clock;
  /** Servers that may run at once. */
  readonly capacity: number;
  /** How this replica is. */
  readonly here: () => { readonly draining: boolean; readonly sessions: number };
}

/** What the store tells, and what keeps it from telling all. */
interface Found {
  readonly outage?: string;
  readonly sessions?: readonly SessionRecord[];
  readonly replicas?: readonly ReplicaReport[];
}

/** Looks at everything: the store, all replicas, all sessions, all that runs for them. Never throws. */
export class HealthCheck {
  readonly #options: HealthCheckOptions;
  #last: { readonly health: Promise<Health>; goodUntil: number } | undefined;

  constructor(options: HealthCheckOptions) {
    this.#options = options;
  }

  /** As it was a moment ago: one look at a time, however long it takes. */
  lately(): Promise<Health> {
    const { clock } = this.#options;
    if (!this.#last || clock.now() >= this.#last.goodUntil) {
      const last = { health: this.now(), goodUntil: Number.POSITIVE_INFINITY };
      const keep = () => {
        last.goodUntil = clock.now() + KEEP_MS;
      };
      last.health.then(keep, keep);
      this.#last = last;
    }
    return this.#last.health;
  }

  async now(): Promise<Health> {
    const { capacity, here } = this.#options;
    const found = await this.#found();
    const { sessions, replicas = [] } = found;
    const open = sessions ? await this.#openCircuits(sessions) : 0;
    const servers = { ...countServers(sessions ?? []), open };
    const reasons = judge({ outage: found.outage, replicas, servers, capacity, here: here() });
    const worst = reasons.some(({ fatal }) => fatal) ? 'unhealthy' : 'degraded';
    return { status: reasons.length === 0 ? 'healthy' : worst, reasons, replicas, sessions, servers };
  }

  async #found(): Promise<Found> {
    const { store, operations } = this.#options;
    try {
      const replicas = await operations.replicas();
      if ((await store.generation()) === undefined)
        return { outage: 'it has lost its records, which are being made again', replicas };
      const sessions: SessionRecord[] = [];
      for await (const record of store.list()) sessions.push(record);
      return { sessions, replicas };
    } catch (error) {
      return { outage: messageOf(error) };
    }
  }

  /** Servers that run and cannot be used: their host says so, or says nothing. */
  async #openCircuits(sessions: readonly SessionRecord[]): Promise<number> {
    const { hosts, keys, clock } = this.#options;
    const late = clock.now() + ASKING_MS;
    let open = 0;
    await eachOf(readyServers(sessions), AT_ONCE, async ({ record, name, state }) => {
      if (clock.now() >= late) return;
      const secret = keys.secretOf(record, name, state.incarnation);
      const noAnswer = () => new Error('no answer');
      const ask = (signal: AbortSignal) => hosts.status(state.instance.endpoint, secret, signal);
      const status = await within(clock, STATUS_MS, noAnswer, ask).catch(() => undefined);
      if (!isWell(status)) open += 1;
    });
    return open;
  }
}

const isWell = (status: HostStatus | undefined): boolean =>
  status !== undefined && status.circuit === 'closed' && (status.children > 0 || !status.failure);
