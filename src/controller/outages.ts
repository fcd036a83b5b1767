import type { AppError } from '../core/errors.ts';

/** What is nobody's fault here, by its error's code, and what is logged. */
const OUTAGES: Readonly<Record<string, string>> = {
  'store.unavailable': 'the store is out of reach: nothing is started or stopped until it is back',
  'runtime.unavailable': 'what servers run on is out of reach: none is started or stopped until it is back',
};

/** What is to be logged of `error`, if something is out of reach; undefined: nothing is. */
export const outageOf = (error: unknown): string | undefined => OUTAGES[partOf(error).code ?? ''];

/** What the runtime was in want of (core/runtime.ts): empty, if it did not say; undefined, if that is not what went wrong. */
export function lackOf(error: unknown): string | undefined {
  const { code, data } = partOf(error);
  if (code !== 'runtime.unavailable') return undefined;
  return typeof data?.lack === 'string' ? data.lack : '';
}

const partOf = (error: unknown): Partial<AppError> => error ?? {};
