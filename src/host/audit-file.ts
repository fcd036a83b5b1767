import { appendFile, closeSync, constants, existsSync, fstatSync, openSync, read, readSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { AUDIT_BYTES, type AuditLog, ROTATED } from '../core/audit-log.ts';
import type { Clock } from '../core/clock.ts';

const appendTo = promisify(appendFile);
const readFrom = promisify(read);
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const LINE_BREAK = 0x0a;

/**
 * Opens the audit record of this instance's server, and the file before it (`{path}.1`). Never through a link, and for
 * appending alone: whatever is written goes behind what is there. Held open, since an instance may open it for writing
 * only while it starts.
 * @returns undefined: there can be none at this path
 */
export function openAuditFile(path: string, clock: Pick<Clock, 'now'>): AuditLog | undefined {
  try {
    const file = openFile(path, O_APPEND | O_CREAT | O_WRONLY);
    const current = openFile(path, O_RDONLY);
    const earlier = openIfThere(`${path}.1`);
    const files = earlier === undefined ? [current] : [earlier, current];
    if (fstatSync(file).size === 0 && earlier !== undefined) writeSync(file, rotatedAt(clock.now()));
    return new AuditFile(file, files, !endsWithLine(current));
  } catch {
    return undefined;
  }
}

class AuditFile implements AuditLog {
  readonly #file: number;
  /** For reading, oldest first. */
  readonly #files: readonly number[];
  #torn: boolean;

  /** @param torn what is there ends within a line: its host was killed, or the disk was full */
  constructor(file: number, files: readonly number[], torn: boolean) {
    this.#file = file;
    this.#files = files;
    this.#torn = torn;
  }

  get full(): boolean {
    return fstatSync(this.#file).size >= AUDIT_BYTES.full;
  }

  async append(line: string): Promise<void> {
    const before = this.#torn ? '\n' : '';
    this.#torn = false;
    try {
      await appendTo(this.#file, `${before}${line}\n`, { flush: true });
    } catch (error) {
      this.#torn = true;
      throw error;
    }
  }

  async lines(): Promise<string[]> {
    const texts = await Promise.all(this.#files.map(textOf));
    return texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
  }
}

/** @throws what `open` throws, and for what is no file of one name */
function openFile(path: string, flags: number): number {
  const file = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o600);
  const found = fstatSync(file);
  if (found.isFile() && found.nlink === 1) return file;
  closeSync(file);
  throw new Error(`${path} is no file of its own`);
}

function openIfThere(path: string): number | undefined {
  return existsSync(path) ? openFile(path, O_RDONLY) : undefined;
}

const rotatedAt = (now: number): string => `${JSON.stringify({ time: new Date(now).toISOString(), event: ROTATED })}\n`;

function endsWithLine(file: number): boolean {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  return size === 0 || (readSync(file, last, 0, 1, size - 1) === 1 && last[0] === LINE_BREAK);
}

async function textOf(file: number): Promise<string> {
  const bytes = Buffer.alloc(fstatSync(file).size);
  const { bytesRead } = await readFrom(file, bytes, 0, bytes.length, 0);
  return bytes.toString('utf8', 0, bytesRead);
}
