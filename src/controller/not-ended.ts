import { AppError, messageOf } from '../core/errors.ts';
import type { Instance } from '../core/runtime.ts';
import { isOf, viewOf } from './orphans.ts';

/** An instance could not be ended, though what it runs on answers. */
export class NotEnded extends AppError {
  readonly instance: Instance;

  constructor(instance: Instance, cause: unknown) {
    const { session, server, instance: name } = viewOf(instance);
    super('server.busy', `${server} of ${session} (${name}) cannot be ended: ${messageOf(cause)}`, { cause });
    this.instance = instance;
  }
}

/** False: it tells of an instance that is not this owner's. @param owner absent: anybody */
export const concerns = (error: unknown, owner: string | undefined): boolean =>
  !(error instanceof NotEnded) || isOf(error.instance.labels.owner, owner);
