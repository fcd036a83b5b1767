import type { HostControl } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import type { ServerName, SessionId } from '../core/ids.ts';
import { type SessionRecord, serverOf } from '../core/session.ts';
import type { SessionStore } from '../core/store.ts';
import { within } from '../core/within.ts';
import type { InstanceKeys } from '../sessions/instance-keys.ts';
import { inBatches } from './in-batches.ts';
import { keyOf } from './instances.ts';
import type { Reconciler } from './reconciler.ts';

/** An instance that nobody used for so long makes room for one that is wanted now, milliseconds. */
const IDLE_MS = 60_000;
/** How long a host may take to say when it was used, milliseconds. */
const STATUS_MS = 1000;
/** Time between two searches, milliseconds. */
const EVERY_MS = 1000;

export interface RoomOptions {
  readonly store: Pick<SessionStore, 'list'>;
  readonly hosts: Pick<HostControl, 'status'>;
  readonly keys: InstanceKeys;
  readonly clock: Clock;
}

interface Candidate {
  readonly session: SessionId;
  readonly server: ServerName;
  readonly usedAt: number;
}

/**
 * Makes room when starts wait for a place: instances that nobody uses are put to rest, the one unused longest first, whoever's
 * they are; for somebody at the own limit only the own ones. Their owners notice nothing but time.
 */
export class Room {
  readonly #options: RoomOptions;
  readonly #reconciler: Pick<Reconciler, 'admission' | 'rest'>;
  readonly #reconcile: (session: SessionId, server: ServerName) => Promise<void>;
  #making: Promise<void> | undefined;
  #madeAt = Number.NEGATIVE_INFINITY;

  constructor(
    options: RoomOptions,
    reconciler: Pick<Reconciler, 'admission' | 'rest'>,
    reconcile: (session: SessionId, server: ServerName) => Promise<void>,
  ) {
    this.#options = options;
    this.#reconciler = reconciler;
    this.#reconcile = reconcile;
  }

  /** Calls at the same time share one search; one that comes too soon after the last does nothing. */
  make(): Promise<void> {
    const { clock } = this.#options;
    if (!this.#reconciler.rest.watch.enabled) return Promise.resolve();
    if (!this.#making && clock.now() - this.#madeAt < EVERY_MS) return Promise.resolve();
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
      this.#madeAt = clock.now();
    });
    return this.#making;
  }

  async #make(): Promise<void> {
    const { watch } = this.#reconciler.rest;
    for (const { session, server } of await this.#candidates()) {
      if (this.#reconciler.admission.wanted().count === 0) return;
      watch.hurry(keyOf(session, server), { at: this.#options.clock.now(), idleMs: IDLE_MS });
      await this.#reconcile(session, server);
    }
  }

  /** What seems to be unused, the one unused longest first. */
  async #candidates(): Promise<Candidate[]> {
    const { store, clock } = this.#options;
    const { owner } = this.#reconciler.admission.wanted();
    const ready: { record: SessionRecord; server: ServerName }[] = [];
    for await (const record of store.list()) {
      if (owner !== undefined && record.owner !== owner) continue;
      for (const server of Object.keys(record.servers))
        if (this.#reconciler.rest.dueAt(record, server) !== undefined) ready.push({ record, server });
    }
    const found: Candidate[] = [];
    await inBatches(ready, async ({ record, server }) => {
      const usedAt = await this.#usedAt(record, server).catch(() => undefined);
      if (usedAt !== undefined && usedAt <= clock.now() - IDLE_MS) found.push({ session: record.id, server, usedAt });
    });
    return found.sort((a, b) => a.usedAt - b.usedAt);
  }

  async #usedAt(record: SessionRecord, server: ServerName): Promise<number | undefined> {
    const { hosts, keys, clock } = this.#options;
    const state = serverOf(record, server)?.state;
    if (state?.phase !== 'ready') return undefined;
    const secret = keys.secretOf(record, server, state.incarnation);
    const late = () => new Error('no answer');
    const ask = (signal: AbortSignal) => hosts.status(state.instance.endpoint, secret, signal);
    const { lastActivityAt } = await within(clock, STATUS_MS, late, ask);
    return Math.max(state.since, lastActivityAt ?? 0);
  }
}
