import type { CreateSession } from '../core/api.ts';
import type { Catalogue } from '../core/catalogue.ts';
import { AppError } from '../core/errors.ts';
import type { LogSetting } from '../core/host-logs.ts';
import { newNonce, type ServerName, type SessionId, sessionIdOf } from '../core/ids.ts';
import { type EndedBy, type SessionMeter, UNMEASURED } from '../core/meter.ts';
import {
  changed,
  nextGeneration,
  type ServerRecord,
  type SessionRecord,
  serverOf,
  withServer,
} from '../core/session.ts';
import type { SessionStore } from '../core/store.ts';
import {
  type AwaitContext,
  awaitRecord,
  notInSession,
  type ReadyState,
  readyState,
  sessionOver,
} from './await-record.ts';
import { parseCreateSession, unknownServer } from './create-session.ts';
import { checkPlace, idleServer, isIdle, woken } from './idle.ts';
import type { Lifecycle } from './lifecycle.ts';
import { checkQuota, type QuotaLimits } from './quota.ts';
import { NEW_SERVER, reopened } from './reopen.ts';
import type { Sealer, Variables } from './sealer.ts';
import { type UpdateContext, updateRecord } from './update.ts';
import type { Workspaces } from './workspaces.ts';

export interface SessionLimits extends QuotaLimits {
  readonly idleTtlMs: number;
  readonly maxAgeMs: number;
  /** How long a request is held for a server that is being started, milliseconds. */
  readonly holdMs: number;
  /** When the servers of a new session are started, if its terminal does not say. */
  readonly start: 'init' | 'first-use';
}

export interface SessionsOptions extends Omit<AwaitContext, 'store'>, Omit<UpdateContext, 'store'> {
  readonly store: SessionStore;
  readonly catalogue: Catalogue;
  /** The deployment's key. */
  readonly key: Uint8Array;
  readonly sealer: Sealer;
  readonly workspaces: Pick<Workspaces, 'admit'>;
  readonly limits: SessionLimits;
  readonly lifecycle: Lifecycle;
  /** Absent: nothing is measured. */
  readonly meter?: SessionMeter;
}

export interface Opened {
  readonly record: SessionRecord;
  /** False: the terminal had this session already. */
  readonly created: boolean;
}

/** A server that can be asked now, with the record that its instance's secret is derived from. */
export interface ReadyServer {
  readonly record: SessionRecord;
  readonly state: ReadyState;
}

/**
 * The use cases of sessions. Everything that changes a record does it by compare-and-set and publishes a signal. What a
 * server *is* is the controller's to write; here is only written what it should be. All throw `StoreUnavailable`.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #meter: SessionMeter;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#meter = options.meter ?? UNMEASURED;
  }

  /**
   * The terminal's session: made now, or the one that it has already, brought to what is asked for (see `reopened`).
   * @param body a `CreateSession`, not yet checked
   * Throws `request.invalid`, `server.unknown`, `workspace.refused`, `session.quota`.
   */
  async open(owner: string, body: unknown): Promise<Opened> {
    const { store, catalogue, workspaces, key, limits } = this.#options;
    const request = parseCreateSession(body, catalogue);
    const { name, host, leader } = request.terminal;
    const terminal = JSON.stringify([name, host, leader?.pid, leader?.startedAt]);
    const id = sessionIdOf(key, owner, name, terminal);
    const existing = await store.touch(id);
    if (existing && request.attach) return this.#resumed(existing);
    const workspace = await workspaces.admit(request.workspace, owner);
    if (!existing) {
      await checkQuota(store, limits, this.#meter, owner);
      const record = this.#newRecord(id, owner, { ...request, workspace });
      if (await store.create(record)) {
        this.#options.signals.publish(id);
        this.#options.lifecycle.record({ name: 'session.created', session: id, owner });
        this.#meter.sessionCreated();
        return { record, created: true };
      }
    }
    return this.#resumed(await this.#reopen(id, { ...request, workspace }));
  }

  #resumed(record: SessionRecord): Opened {
    this.#options.lifecycle.record({ name: 'session.resumed', session: record.id, owner: record.owner });
    this.#meter.sessionResumed();
    return { record, created: false };
  }

  /** Throws `session.over`. Does not keep the session alive. */
  async get(id: SessionId): Promise<SessionRecord> {
    const record = await this.#options.store.peek(id);
    if (!record) throw sessionOver();
    return record;
  }

  /** The owner's sessions, oldest first. */
  async list(owner: string): Promise<SessionRecord[]> {
    const records: SessionRecord[] = [];
    for await (const record of this.#options.store.list()) if (record.owner === owner) records.push(record);
    return records.sort((a, b) => a.createdAt - b.createdAt);
  }

  /**
   * Ends the session; its instances are ended by the controller. False: it was over already.
   * @param reason for people
   */
  async end(id: SessionId, by: EndedBy = 'owner', reason = 'it was asked to'): Promise<boolean> {
    const { store, signals, lifecycle } = this.#options;
    const record = await store.peek(id);
    if (record) await lifecycle.ending(record);
    const ended = await store.delete(id);
    if (ended) {
      signals.publish(id);
      this.#meter.sessionEnded(by, record && this.#options.clock.now() - record.createdAt);
      if (record) lifecycle.record({ name: 'session.ended', session: id, owner: record.owner, reason });
    }
    return ended;
  }

  /**
   * Says what one server should do. `start` leaves one that runs alone, tries one that has failed again, and adds one that
   * the session does not have yet. Throws `session.over`, `server.unknown`.
   */
  async setServer(id: SessionId, name: ServerName, action: 'start' | 'stop' | 'restart'): Promise<SessionRecord> {
    return this.#update(id, (record) => {
      const server = serverOf(record, name);
      if (!server) {
        if (action !== 'start') throw notInSession(record, name);
        if (!this.#options.catalogue.has(name)) throw unknownServer(name, this.#options.catalogue);
        return changed(record, { servers: { ...record.servers, [name]: NEW_SERVER } });
      }
      if (action === 'stop')
        return server.desired === 'stopped' ? record : withServer(record, name, { desired: 'stopped' });
      const { phase } = server.state;
      const running = server.desired === 'running' && phase !== 'failed' && phase !== 'idle';
      if (action === 'start' && running) return record;
      return withServer(record, name, { desired: 'running', generation: nextGeneration(server) });
    });
  }

  /** Says how much the hosts of its servers say that are started from now on. Throws `session.over`. */
  setLog(id: SessionId, logSetting: LogSetting): Promise<SessionRecord> {
    return this.#update(id, (record) => changed(record, { logSetting }));
  }

  /** Stops all servers of the session; the session stays. Throws `session.over`. */
  async stopAll(id: SessionId): Promise<SessionRecord> {
    return this.#update(id, (record) => {
      const entries = Object.entries(record.servers);
      if (entries.every(([, server]) => server.desired === 'stopped')) return record;
      const stopped = entries.map(([name, server]): [ServerName, ServerRecord] => [
        name,
        { ...server, desired: 'stopped' },
      ]);
      return changed(record, { servers: Object.fromEntries(stopped) });
    });
  }

  /**
   * Resolves when the server can be asked. Starts one that is idle, and waits for one that is being started, up to `holdMs`.
   * Throws `session.over`, `server.unknown`, `server.stopped`, `server.failed` (what is wrong is in its message and data; it
   * is not tried again in time), `session.quota` (too many wait for a place), `server.busy` (not ready in time), and the reason
   * of `signal` when it aborts.
   * @param onWait called when it is not ready now
   */
  async awaitReady(
    id: SessionId,
    name: ServerName,
    signal: AbortSignal,
    onWait: () => void = () => {},
  ): Promise<ReadyServer> {
    const { clock, limits } = this.#options;
    const deadline = clock.now() + limits.holdMs;
    let reason = 'it is still being started';
    const look = (record: SessionRecord): ReadyServer | 'idle' | undefined => {
      if (isIdle(record, name)) {
        checkPlace(record, name, clock.now());
        onWait();
        return 'idle';
      }
      const state = readyState(record, name, clock.now(), deadline);
      if (state) return { record, state };
      const now = serverOf(record, name)?.state;
      if (now && 'reason' in now && now.reason !== undefined) reason = now.reason;
      onWait();
      return undefined;
    };
    for (;;) {
      const found = await awaitRecord(this.#options, id, deadline, look, signal);
      if (found === undefined) break;
      if (found !== 'idle') return found;
      await this.#update(id, (record) => (isIdle(record, name) ? woken(record, name) : record));
    }
    throw new AppError('server.busy', `Server "${name}" is not ready yet: ${reason}. Try again`, { retryAfter: 1 });
  }

  /** Resolves when no server of `names` runs any more, or after `holdMs`. Throws `session.over`. */
  async awaitStopped(id: SessionId, names: readonly ServerName[], signal: AbortSignal): Promise<void> {
    const deadline = this.#options.clock.now() + this.#options.limits.holdMs;
    const isDown = (server: ServerRecord | undefined) =>
      server?.desired !== 'stopped' || server.state.phase === 'stopped';
    const look = (record: SessionRecord) =>
      names.every((name) => isDown(serverOf(record, name))) ? record : undefined;
    await awaitRecord(this.#options, id, deadline, look, signal);
  }

  async #update(id: SessionId, change: (record: SessionRecord) => SessionRecord): Promise<SessionRecord> {
    const updated = await updateRecord(this.#options, id, change);
    if (!updated) throw sessionOver();
    if (updated.written) this.#options.signals.publish(id);
    return updated.record;
  }

  #newRecord(id: SessionId, owner: string, request: CreateSession): SessionRecord {
    const { clock, limits, catalogue, sealer } = this.#options;
    const now = clock.now();
    const names = request.servers ?? [...catalogue.keys()];
    const server = (request.lazy ?? limits.start === 'first-use') ? idleServer(now) : NEW_SERVER;
    return {
      id,
      version: 1,
      nonce: newNonce(),
      owner,
      terminal: request.terminal,
      workspace: request.workspace,
      keep: request.keep ?? false,
      servers: Object.fromEntries(names.map((name) => [name, server])),
      sealed: sealer.seal(id, request.variables ?? {}),
      createdAt: now,
      idleTtlMs: limits.idleTtlMs,
      maxAt: now + limits.maxAgeMs,
    };
  }

  #reopen(id: SessionId, request: CreateSession): Promise<SessionRecord> {
    const { catalogue, sealer } = this.#options;
    return this.#update(id, (record) => {
      const before = this.#variablesOf(record);
      const after = request.variables ?? before ?? {};
      const { workspace, keep, servers } = request;
      return reopened(
        record,
        { workspace, keep, servers, before, after, seal: () => sealer.seal(id, after) },
        catalogue,
      );
    });
  }

  /** Undefined if they cannot be read any more: this very call brings them anew. */
  #variablesOf(record: SessionRecord): Variables | undefined {
    try {
      return this.#options.sealer.unseal(record.id, record.sealed);
    } catch {
      return undefined;
    }
  }
}
