import type { HostControl } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { ServerName } from '../core/ids.ts';
import type { InstanceStatus } from '../core/runtime.ts';
import { isCurrent, type SessionRecord, serverOf } from '../core/session.ts';
import { within } from '../core/within.ts';
import type { InstanceKeys } from '../sessions/instance-keys.ts';
import type { Lifecycle } from '../sessions/lifecycle.ts';
import { IdleWatch } from './idle-watch.ts';
import { keyOf } from './instances.ts';
import { type WriteContext, writeState } from './write-state.ts';

/** How long a host may take to agree, milliseconds: it waits for gateways to end their links. */
const RETIRE_MS = 5000;
/** A host that did not answer is asked again after this time, milliseconds. */
const AGAIN_MS = 60_000;

export interface RestOptions extends WriteContext {
  readonly hosts: Pick<HostControl, 'retire'>;
  readonly keys: InstanceKeys;
  readonly clock: Clock;
  readonly lifecycle: Lifecycle;
  /** After what time without use an instance is ended, milliseconds; 0: never. */
  readonly idleMs: number;
}

/**
 * Puts servers to rest that nobody uses (scale to zero). The host decides, because it alone knows of a call that comes at this
 * very moment: it agrees and takes no more work, or it goes on. What comes after that waits for the next instance. Whatever
 * happens between the steps, a host that has agreed says so again.
 */
export class Rest {
  readonly watch: IdleWatch;
  readonly #options: RestOptions;

  constructor(options: RestOptions) {
    this.#options = options;
    this.watch = new IdleWatch(options.idleMs);
  }

  /** When to ask this server's host, milliseconds since the epoch; undefined: not at all. */
  dueAt(record: SessionRecord, name: ServerName): number | undefined {
    const server = serverOf(record, name);
    if (server?.state.phase !== 'ready' || !isCurrent(server)) return undefined;
    return this.watch.next(keyOf(record.id, name), server.state)?.at;
  }

  /** True: the record says now that the server is idle, or somebody has changed it. Else when to ask, if at all. */
  async settle(record: SessionRecord, name: ServerName, actual: InstanceStatus): Promise<true | number | undefined> {
    const key = keyOf(record.id, name);
    const state = serverOf(record, name)?.state;
    if (state?.phase !== 'ready' || actual.phase !== 'running') {
      this.watch.forget(key);
      return undefined;
    }
    const question = this.watch.next(key, state);
    if (!question || this.#options.clock.now() < question.at) return question?.at;
    const answer = await this.#ask(record, name, state.incarnation, question.idleMs, actual.instance.endpoint);
    if (answer?.retired) {
      const { incarnation } = state;
      const { clock, lifecycle } = this.#options;
      const idle = { phase: 'idle', incarnation, since: clock.now() } as const;
      if (await writeState(this.#options, record, name, idle))
        lifecycle.record({ name: 'instance.idle', session: record.id, owner: record.owner, server: name, incarnation });
      return true;
    }
    if (answer) this.watch.used(key, answer.usedAt);
    else this.watch.later(key, this.#options.clock.now() + AGAIN_MS);
    return this.dueAt(record, name);
  }

  /** Undefined: it does not answer. That it cannot serve either is for gateways to notice. */
  async #ask(
    record: SessionRecord,
    name: ServerName,
    incarnation: number,
    idleMs: number,
    endpoint: Parameters<HostControl['retire']>[0],
  ) {
    const { hosts, keys, clock } = this.#options;
    const secret = keys.secretOf(record, name, incarnation);
    const late = () => new AppError('server.failed', 'The host does not answer');
    const ask = (signal: AbortSignal) => hosts.retire(endpoint, secret, idleMs, signal);
    return within(clock, RETIRE_MS, late, ask).catch(() => undefined);
  }
}
