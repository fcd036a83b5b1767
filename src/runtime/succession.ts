import { AppError } from '../core/errors.ts';
import type { Instance, InstanceLabels } from '../core/runtime.ts';

/** How long an older incarnation gets to end before the next one starts, milliseconds. */
export const REPLACE_GRACE_MS = 2_000;

/** What there is where an instance is to be started. */
export interface Occupant {
  readonly instance: Instance;
  readonly runs: boolean;
}

/**
 * Whether what is there is the very instance that is to be started; if not, it makes way.
 * @throws AppError `server.busy` if a newer incarnation runs
 */
export function goesOn(found: Occupant | undefined, labels: InstanceLabels): boolean {
  if (!found?.runs || found.instance.labels.nonce !== labels.nonce) return false;
  const { incarnation } = found.instance.labels;
  if (incarnation > labels.incarnation)
    throw new AppError('server.busy', `A newer incarnation of ${labels.server} runs: look at the session again`);
  return incarnation === labels.incarnation;
}
