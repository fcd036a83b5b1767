import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { AuditEntry, OperationsStore } from '../core/operations.ts';

/** Refusals of strangers from one address that are kept, for each time; more would push out what people did. */
const STRANGERS = { limit: 20, windowMs: 60_000 };
/** Characters of a text that came from outside. */
const LENGTH = 200;

export interface AuditTrailOptions {
  readonly operations: Pick<OperationsStore, 'audit' | 'hit'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Writes down what people did and what they were refused: into the log at once, and into the store. */
export class AuditTrail {
  readonly #options: AuditTrailOptions;

  constructor(options: AuditTrailOptions) {
    this.#options = options;
  }

  /** Never throws: what the store did not take is in the log, which says so. */
  async note(attempt: Omit<AuditEntry, 'at'>): Promise<void> {
    const { operations, clock, log } = this.#options;
    const entry: AuditEntry = { at: clock.now(), ...shortened(attempt) };
    const { at: _, ...fields } = entry;
    log.info({ event: 'audit', ...fields }, 'audit');
    try {
      if (entry.role === undefined && (await this.#isFlood(entry))) return;
      await operations.audit(entry);
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'an entry of the audit log could not be stored: it is here alone');
    }
  }

  async #isFlood({ address }: AuditEntry): Promise<boolean> {
    return (await this.#options.operations.hit(`audit:${address}`, STRANGERS.windowMs)) > STRANGERS.limit;
  }
}

function shortened<T extends object>(entry: T): T {
  const short = Object.entries(entry).map(([key, value]) => [
    key,
    typeof value === 'string' ? value.slice(0, LENGTH) : value,
  ]);
  return Object.fromEntries(short) as T;
}
