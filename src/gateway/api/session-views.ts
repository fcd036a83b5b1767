import type { ServerView, SessionView } from '../../core/api.ts';
import type { HostControl, HostStatus } from '../../core/channel.ts';
import type { Clock } from '../../core/clock.ts';
import type { ServerName } from '../../core/ids.ts';
import { isCurrent, restartsOf, type ServerRecord, type SessionRecord } from '../../core/session.ts';
import type { ConnectionStore, SessionStore } from '../../core/store.ts';
import { within } from '../../core/within.ts';
import type { ReadyState } from '../../sessions/await-record.ts';
import type { InstanceKeys } from '../../sessions/instance-keys.ts';

export interface SessionViewsOptions {
  readonly store: Pick<SessionStore, 'deadline'> & Pick<ConnectionStore, 'count'>;
  readonly hosts: Pick<HostControl, 'status'>;
  readonly keys: InstanceKeys;
  readonly clock: Clock;
  /** How long an instance may take to say how it is, milliseconds. */
  readonly statusMs: number;
}

/** Puts together what people see of a session: its record, and what its instances say of themselves right now. */
export class SessionViews {
  readonly #options: SessionViewsOptions;

  constructor(options: SessionViewsOptions) {
    this.#options = options;
  }

  /** Undefined: the session is over by now. Throws `StoreUnavailable`. */
  async of(record: SessionRecord): Promise<SessionView | undefined> {
    const { store } = this.#options;
    const { id, owner, terminal, workspace, keep, createdAt, maxAt } = record;
    const [deadline, connections, servers] = await Promise.all([
      store.deadline(id),
      store.count(id),
      Promise.all(Object.entries(record.servers).map(([name, server]) => this.#server(record, name, server))),
    ]);
    if (deadline === undefined) return undefined;
    return { id, owner, terminal, workspace, keep, createdAt, deadline, maxAt, connections, servers };
  }

  async #server(record: SessionRecord, name: ServerName, server: ServerRecord): Promise<ServerView> {
    if (server.desired === 'stopped') return { name, state: 'stopped' };
    const { state } = server;
    if (!isCurrent(server) || state.phase === 'stopped') return { name, state: 'pending' };
    if (state.phase === 'ready') return this.#ready(record, name, server, state);
    const restarts = restartsOf(server);
    const reason = 'reason' in state && state.reason !== undefined ? { reason: state.reason } : {};
    const stderr = 'stderr' in state && state.stderr !== undefined ? { stderr: state.stderr } : {};
    const unconfigured = state.phase === 'failed' && state.unconfigured ? { unconfigured: true as const } : {};
    return { name, state: state.phase, ...unconfigured, ...reason, ...stderr, restarts };
  }

  async #ready(record: SessionRecord, name: ServerName, server: ServerRecord, state: ReadyState): Promise<ServerView> {
    const { hosts, keys } = this.#options;
    const secret = keys.secretOf(record, name, state.incarnation);
    const status = await this.#ask((signal) => hosts.status(state.instance.endpoint, secret, signal));
    const used = status?.usage;
    return {
      name,
      ...conditionOf(status),
      instance: state.instance.name,
      startedAt: state.instance.startedAt,
      ...(used ? { memoryBytes: used.memoryBytes, cpuSeconds: used.cpuSeconds } : {}),
      ...(status?.lastActivityAt === undefined ? {} : { lastActivityAt: status.lastActivityAt }),
      restarts: restartsOf(server) + (status?.restarts ?? 0),
    };
  }

  /** An instance that does not answer must not keep the whole view from being shown. */
  async #ask<T>(question: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const { clock, statusMs } = this.#options;
    return within(clock, statusMs, () => new Error('no answer'), question).catch(() => undefined);
  }
}

function conditionOf(status: HostStatus | undefined): Pick<ServerView, 'state' | 'reason' | 'stderr'> {
  if (!status) return { state: 'failing', reason: 'its instance does not answer' };
  const well = status.circuit === 'closed' && (status.children > 0 || !status.failure);
  if (well) return { state: 'ready' };
  const { reason = 'it ends again and again', stderr = '' } = status.failure ?? {};
  return { state: 'failing', reason, ...(stderr ? { stderr } : {}) };
}
