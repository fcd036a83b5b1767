import type { ServerName, SessionId } from '../core/ids.ts';
import { type SessionRecord, serverOf } from '../core/session.ts';

/** A start in progress. `signal` aborts when it is no longer wanted. */
export interface Start extends Disposable {
  readonly signal: AbortSignal;
}

interface Entry {
  readonly record: SessionRecord;
  readonly name: ServerName;
  readonly abort: AbortController;
}

/** The starts in progress, so that one that takes long does not keep a stop or a restart waiting. */
export class Starts {
  readonly #entries = new Set<Entry>();

  /** @param record the session as it was when the start was decided on */
  begin(record: SessionRecord, name: ServerName): Start {
    const entry: Entry = { record, name, abort: new AbortController() };
    this.#entries.add(entry);
    return { signal: entry.abort.signal, [Symbol.dispose]: () => void this.#entries.delete(entry) };
  }

  /** Servers of this session that are being started. */
  of(session: SessionId): ServerName[] {
    return [...this.#entries].filter(({ record }) => record.id === session).map(({ name }) => name);
  }

  /** Each with its session as it was when the start was decided on. */
  all(): readonly { readonly record: SessionRecord; readonly name: ServerName }[] {
    return [...this.#entries];
  }

  /** Gives up the starts that the session, as it is now, does not want. */
  reconsider(session: SessionId, now: SessionRecord | undefined): void {
    for (const { record, name, abort } of this.#entries) {
      if (record.id !== session) continue;
      const server = now?.nonce === record.nonce ? serverOf(now, name) : undefined;
      const wanted = server?.desired === 'running' && server.generation === serverOf(record, name)?.generation;
      if (!wanted) abort.abort(new Error('no longer wanted'));
    }
  }
}
