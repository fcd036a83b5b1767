import { hash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { LedgerFile } from './ledger-file.ts';

/** An entry: the first bytes of a hash of channel and stream, and when the call began, milliseconds since the epoch. */
const HASH_BYTES = 16;
const ENTRY_BYTES = HASH_BYTES + 8;

export interface LedgerOptions {
  /** Calls that are remembered; the oldest makes way for the next. */
  readonly keys: number;
  /** A call that began so long ago is of no meaning any more, milliseconds. */
  readonly logAgeMs: number;
}

/**
 * Which calls this host, and those before it in its place, handed to their server. The host's own calls are in its channels'
 * logs; this is for its successor, which knows nothing else of a call that comes again after the instance has died (D3).
 *
 * A ring of entries of the same size, so that it is bounded without ever being rewritten. What is damaged in it names no
 * call, and one that cannot be read or written is done without: calls are worth more than it is.
 */
export class CallLedger {
  readonly #file: LedgerFile;
  readonly #options: LedgerOptions;
  readonly #clock: Clock;
  readonly #log: Pick<Logger, 'warn'>;
  /** The calls of earlier hosts, as hashes; undefined: not read yet, since a host begins without a call. */
  #earlier: ReadonlySet<string> | undefined;
  #next = 0;
  #failed = false;

  constructor(file: LedgerFile, options: LedgerOptions, clock: Clock, log: Pick<Logger, 'warn'>) {
    this.#file = file;
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
  }

  /** Notes a call before it is handed to the server. False: an earlier host had it already; it must not be run. */
  begin(channel: string, stream: string): boolean {
    const now = this.#clock.now();
    this.#earlier ??= this.#read(now - this.#options.logAgeMs);
    const mark = hash('sha256', JSON.stringify([channel, stream]), 'buffer').subarray(0, HASH_BYTES);
    if (this.#earlier.has(mark.toString('latin1'))) return false;
    this.#write(mark, now);
    return true;
  }

  /** What began after `since`. */
  #read(since: number): ReadonlySet<string> {
    const earlier = new Set<string>();
    let latest = Number.NEGATIVE_INFINITY;
    this.#try(() => {
      const bytes = this.#file.read(this.#options.keys * ENTRY_BYTES);
      for (let start = 0; start + ENTRY_BYTES <= bytes.length; start += ENTRY_BYTES) {
        const at = bytes.readDoubleLE(start + HASH_BYTES);
        if (at > since) earlier.add(bytes.toString('latin1', start, start + HASH_BYTES));
        if (!(at >= latest)) continue; // nor one that is no number
        latest = at;
        this.#next = (start / ENTRY_BYTES + 1) % this.#options.keys;
      }
    });
    return earlier;
  }

  #write(mark: Buffer, now: number): void {
    const entry = Buffer.alloc(ENTRY_BYTES);
    mark.copy(entry);
    entry.writeDoubleLE(now, HASH_BYTES);
    this.#try(() => this.#file.write(entry, this.#next * ENTRY_BYTES));
    this.#next = (this.#next + 1) % this.#options.keys;
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!this.#failed) this.#log.warn({ reason: messageOf(error) }, 'the ledger of calls cannot be used');
      this.#failed = true;
    }
  }
}
