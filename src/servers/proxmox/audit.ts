import { type AuditLog, ROTATED } from '../../core/audit-log.ts';
import { AppError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';

/** `result` of a change that is about to be sent. */
export const SENT = 'sent';

/**
 * One line about a change. Each change has two: `sent` before it is sent, so that one is there whatever happens then, and
 * its outcome. Both have the same `id`.
 */
export interface AuditRecord {
  /** ISO 8601. */
  readonly time: string;
  readonly id: string;
  /** Who Proxmox takes the session for: `user@realm` or `user@realm!token`. */
  readonly who: string;
  /** The MCP client: name and version, as it says itself. */
  readonly client: string;
  readonly server: string;
  readonly tool: string;
  readonly action: string;
  readonly target: string;
  readonly guests: readonly number[];
  readonly request: string;
  /** `sent`, or the outcome that the caller was told. */
  readonly result: string;
  /** Who agreed to a destructive change: a person who was asked, or nobody, since the client can ask nobody. */
  readonly confirmed?: 'person' | 'plan';
  readonly upid?: string;
  readonly message?: string;
}

/** What a session changed, as far as it is kept. */
export interface Audited {
  /** Oldest first; a line that is broken is left out. */
  readonly records: readonly AuditRecord[];
  /** There were older ones, which made room. */
  readonly incomplete: boolean;
}

/** The record of a session's changes, in the host's audit file and in the log. */
export class Audit {
  readonly #file: AuditLog | undefined;
  readonly #log: Logger;

  constructor(file: AuditLog | undefined, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** @throws AppError `upstream.failed` if it cannot be written: then nothing may be changed */
  async append(record: AuditRecord): Promise<void> {
    const begins = record.result === SENT;
    // What was done is logged, whatever becomes of the file.
    if (!begins) this.#note(record);
    await this.#write(record, begins);
    if (begins) this.#note(record);
  }

  async read(): Promise<Audited> {
    const lines = ((await this.#file?.lines()) ?? []).flatMap(parsed);
    return {
      records: lines.filter((line): line is AuditRecord => 'id' in line),
      incomplete: lines[0] !== undefined && 'event' in lines[0] && lines[0].event === ROTATED,
    };
  }

  async #write(record: AuditRecord, begins: boolean): Promise<void> {
    try {
      if (!this.#file) throw new Error('this host has no place for it');
      if (begins && this.#file.full) throw new Error('it is full; a restart of this server begins a new one');
      await this.#file.append(JSON.stringify(record));
    } catch (cause) {
      const message = `The audit record of this session cannot be written (${messageOf(cause)}), and without it nothing is changed`;
      throw new AppError('upstream.failed', message, { cause });
    }
  }

  /** Without what was sent, which the action of some tools has too: a log is read by more people. */
  #note({ id, who, client, server, tool, target, guests, result, confirmed, upid }: AuditRecord): void {
    const entry = { id, who, client, proxmox: server, tool, target, guests: guests.join(','), result, confirmed, upid };
    this.#log.info({ event: 'proxmox.write', ...entry }, 'change in Proxmox');
  }
}

function parsed(line: string): (AuditRecord | { readonly event: string })[] {
  try {
    return [JSON.parse(line) as AuditRecord];
  } catch {
    return [];
  }
}
