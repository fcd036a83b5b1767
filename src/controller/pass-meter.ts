import type { Catalogue } from '../core/catalogue.ts';
import type { Clock } from '../core/clock.ts';
import type { Census, ControllerMeter, PassFailure } from '../core/controller-meter.ts';
import type { AppError } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import type { Instance } from '../core/runtime.ts';
import type { SessionRecord } from '../core/session.ts';
import { censusOf } from './census.ts';
import type { Present } from './instances.ts';
import { Orphans } from './orphans.ts';

/** An orphan that has been there for so many times what an instance may take to end stands. */
const SETTLE = 2;

const FAILURES: Readonly<Record<string, PassFailure>> = {
  'store.unavailable': 'store',
  'runtime.unavailable': 'runtime',
  'lease.held': 'lease',
};

export interface PassMeterOptions {
  readonly meter: Pick<ControllerMeter, 'passed' | 'passFailed'>;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly graceMs: number;
}

/** What a look at everything found. */
export interface PassFindings extends Pick<Census, 'waiting' | 'running'> {
  readonly records: ReadonlyMap<SessionId, SessionRecord>;
  readonly actual: ReadonlyMap<string, Present>;
  readonly orphans: readonly Instance[];
  /** Whether an instance is being ended at this moment. */
  readonly isEnding: (instance: Instance) => boolean;
  /** When it began, milliseconds since the epoch. */
  readonly began: number;
}

/** Tells the meter of looks at everything, until `stop` aborts: what they find then says nothing any more. */
export class PassMeter {
  readonly #options: PassMeterOptions;
  readonly #stop: AbortSignal;
  readonly #orphans: Orphans;

  constructor(options: PassMeterOptions, stop: AbortSignal) {
    this.#options = options;
    this.#stop = stop;
    this.#orphans = new Orphans(SETTLE * options.graceMs);
  }

  passed({ records, actual, orphans, isEnding, waiting, running, began }: PassFindings): void {
    if (this.#stop.aborted) return;
    const { meter, catalogue, clock } = this.#options;
    const now = clock.now();
    const census = {
      sessions: records.size,
      servers: censusOf(records.values(), catalogue),
      orphans: this.#orphans.saw(orphans, isEnding, actual, now),
      ...{ waiting, running },
    };
    meter.passed(census, Math.max(0, now - began), now);
  }

  failed(error: unknown): void {
    const what = FAILURES[(error as Partial<AppError> | null)?.code ?? ''] ?? 'other';
    if (what === 'lease' || !this.#stop.aborted) this.#options.meter.passFailed(what);
  }
}
