import type { LogLine } from '../../core/api.ts';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { HostLogs, LogQuery, LogSetting, NumberedLine } from '../../core/host-logs.ts';
import type { ServerName, SessionId } from '../../core/ids.ts';
import { type SessionRecord, serverOf } from '../../core/session.ts';
import type { Signals } from '../../core/signals.ts';
import { within } from '../../core/within.ts';
import type { ReadyState } from '../../sessions/await-record.ts';
import type { InstanceKeys } from '../../sessions/instance-keys.ts';
import { Wakeups } from '../../sessions/wakeups.ts';

/** How long a host may take to answer, milliseconds. */
const ANSWER_MS = 2000;
/** Signals can be lost: how often a follower looks without one for servers that were started, milliseconds. */
const LOOK_MS = 2000;
/** How long the last words of a session that is over are waited for, milliseconds. */
const LAST_WORDS_MS = 3000;

export interface SessionLogOptions {
  readonly hosts: HostLogs;
  readonly keys: InstanceKeys;
  readonly signals: Signals;
  readonly clock: Clock;
}

/** What is wanted of a session's log. */
export type Wanted = Omit<LogQuery, 'after' | 'follow'> & { readonly server?: ServerName };

/** How far the log of one start of a server was read. */
interface Place {
  readonly incarnation: number;
  readonly n: number;
}

/** What was read, and how far. */
interface Read {
  readonly lines: readonly LogLine[];
  readonly places: ReadonlyMap<ServerName, Place>;
}

/** The log of a session: that of its hosts, put together. What an instance that has ended said is gone with it. */
export class SessionLog {
  readonly #options: SessionLogOptions;

  constructor(options: SessionLogOptions) {
    this.#options = options;
  }

  /** What there is, oldest first. A host that does not answer is left out. */
  async read(record: SessionRecord, { server, tail, since }: Wanted): Promise<Read> {
    const query = { ...(tail === undefined ? {} : { tail }), ...(since === undefined ? {} : { since }) };
    const places = new Map<ServerName, Place>();
    const all: LogLine[] = [];
    const one = async ([name, state]: [ServerName, ReadyState]) => {
      const lines = await this.#ask((signal) => collected(this.#lines(record, name, state, query, signal)));
      places.set(name, { incarnation: state.incarnation, n: lines?.at(-1)?.n ?? 0 });
      for (const { line } of lines ?? []) all.push(line);
    };
    await Promise.all(readyOf(record, server).map(one));
    all.sort((a, b) => a.time - b.time);
    return { lines: tail === undefined ? all : all.slice(Math.max(0, all.length - tail)), places };
  }

  /**
   * Goes on behind what was read, through restarts of servers and with those that are started, until the session is over, or
   * `signal` aborts; `write` is not called any more then.
   * @param look the session's record; throws if it is over, or not the caller's any more
   */
  async follow(
    { id, server, places }: { readonly id: SessionId; readonly server?: ServerName } & Pick<Read, 'places'>,
    look: () => Promise<SessionRecord>,
    write: (line: LogLine) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { signals, clock } = this.#options;
    using wakeups = new Wakeups(signals, clock, id);
    const read = new Map(places);
    const open = new Map<ServerName, Promise<void>>();
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const pump = async (record: SessionRecord, name: ServerName, state: ReadyState) => {
      const { incarnation } = state;
      const place = read.get(name);
      const query = { follow: true, ...(place?.incarnation === incarnation ? { after: place.n } : {}) };
      for await (const { n, line } of this.#lines(record, name, state, query, until)) {
        if (until.aborted) return; // nobody is there to be told
        read.set(name, { incarnation, n });
        write(line);
      }
    };
    while (!signal.aborted) {
      const record = await look().catch(orOver);
      if (record === 'over') break;
      for (const [name, state] of record ? readyOf(record, server) : []) {
        if (!record || open.has(name)) continue;
        // One that broke off is looked for again.
        const pumping = pump(record, name, state).catch(() => {});
        open.set(
          name,
          pumping.finally(() => open.delete(name)),
        );
      }
      await wakeups.next(LOOK_MS, signal).catch(() => {}); // aborted: the loop's condition sees it
    }
    const ended = async () => void (await Promise.all(open.values()));
    await within(clock, LAST_WORDS_MS, () => new Error('late'), ended, signal).catch(() => {});
    over.abort();
  }

  /** Adds an entry where a host of the session runs, that of its server if there is one. False: none runs. */
  async add(record: SessionRecord, entry: Parameters<HostLogs['add']>[2]): Promise<boolean> {
    const ready = readyOf(record);
    const place = ready.find(([name]) => name === entry.server) ?? ready[0];
    if (!place) return false;
    const [name, state] = place;
    const { endpoint } = state.instance;
    const done = await this.#ask(async (signal) => {
      await this.#options.hosts.add(endpoint, this.#secretOf(record, name, state), entry, signal);
      return true;
    });
    return done ?? false;
  }

  /** Sets the level of all hosts of the session that run. Whose took it. */
  async setLevel(record: SessionRecord, setting: LogSetting): Promise<ServerName[]> {
    const taken: ServerName[] = [];
    const one = async ([name, state]: [ServerName, ReadyState]) => {
      const secret = this.#secretOf(record, name, state);
      const set = (signal: AbortSignal) =>
        this.#options.hosts.setLevel(state.instance.endpoint, secret, setting, signal).then(() => true);
      if (await this.#ask(set)) taken.push(name);
    };
    await Promise.all(readyOf(record).map(one));
    return taken.sort();
  }

  #lines(
    record: SessionRecord,
    name: ServerName,
    state: ReadyState,
    query: LogQuery,
    signal: AbortSignal,
  ): AsyncIterable<NumberedLine> {
    return this.#options.hosts.lines(state.instance.endpoint, this.#secretOf(record, name, state), query, signal);
  }

  #secretOf(record: SessionRecord, name: ServerName, { incarnation }: ReadyState): string {
    return this.#options.keys.secretOf(record, name, incarnation);
  }

  /** Undefined: it did not answer. */
  #ask<T>(question: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    return within(this.#options.clock, ANSWER_MS, () => new Error('no answer'), question).catch(() => undefined);
  }
}

/** Undefined: it cannot be known now (the store is out of reach), and is asked again. */
function orOver(error: unknown): 'over' | undefined {
  return error instanceof AppError && error.code === 'store.unavailable' ? undefined : 'over';
}

function readyOf(record: SessionRecord, only?: ServerName): [ServerName, ReadyState][] {
  return Object.keys(record.servers).flatMap((name): [ServerName, ReadyState][] => {
    const state = serverOf(record, name)?.state;
    return state?.phase === 'ready' && (only === undefined || name === only) ? [[name, state]] : [];
  });
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
