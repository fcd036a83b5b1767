import { appendFile, chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../../core/errors.ts';

/** In the session's configuration directory, mode 0600; one JSON record a line, only ever appended to. */
const FILE = 'proxmox-audit.jsonl';

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

/** The record of a session's changes. */
export class Audit {
  readonly #path: string;

  /** @param configDir the session's own directory */
  constructor(configDir: string) {
    this.#path = join(configDir, FILE);
  }

  /** @throws AppError `upstream.failed` if it cannot be written: then nothing may be changed */
  async append(record: AuditRecord): Promise<void> {
    try {
      // With O_APPEND each line is written as a whole.
      await appendFile(this.#path, `${JSON.stringify(record)}\n`, { mode: 0o600, flush: true });
      await chmod(this.#path, 0o600);
    } catch (cause) {
      const message = `The audit record ${FILE} of this session cannot be written (${messageOf(cause)}), and without it nothing is changed`;
      throw new AppError('upstream.failed', message, { cause });
    }
  }

  /** All records, oldest first; a line that is broken is left out. */
  async read(): Promise<AuditRecord[]> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    return text.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as AuditRecord];
      } catch {
        return [];
      }
    });
  }
}
