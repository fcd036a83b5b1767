import type { ControllerMeter } from '../core/controller-meter.ts';
import type { AppError } from '../core/errors.ts';

/** Between two looks at everything that failed. */
export const OUTAGE_BACKOFF = { baseMs: 200, maxMs: 10_000 };

/** What is nobody's fault here, by its error's code, and what is logged. */
const OUTAGES: Readonly<Record<string, string>> = {
  'store.unavailable': 'the store is out of reach: nothing is started or stopped until it is back',
  'runtime.unavailable': 'what servers run on is out of reach: none is started or stopped until it is back',
};

/** What is to be logged of `error`, if something is out of reach; undefined: nothing is. */
export const outageOf = (error: unknown): string | undefined => OUTAGES[partOf(error).code ?? ''];

/** Notes what the runtime was in want of (core/runtime.ts), if that is what went wrong. */
export function noteLack(meter: Pick<ControllerMeter, 'lacked'>, error: unknown): void {
  const { code, data } = partOf(error);
  if (code === 'runtime.unavailable') meter.lacked(typeof data?.lack === 'string' ? data.lack : '');
}

const partOf = (error: unknown): Partial<AppError> => error ?? {};
