import { AppError } from '../core/errors.ts';
import type { ServerName } from '../core/ids.ts';
import type { Instance, InstanceId, InstanceSpec } from '../core/runtime.ts';
import { Turns } from './turns.ts';

/**
 * Starts and stops of instances (core/runtime.ts): those in the same slot come one after another, in the order in which they were
 * asked for, and a stop gives up the starts before it.
 */
export class SlotTurns<S extends { readonly id: InstanceId; readonly server: ServerName }> {
  readonly #find: (id: InstanceId) => S | undefined;
  readonly #turns = new Turns();

  /** @param find the slot that an id names; undefined if it cannot be an id */
  constructor(find: (id: InstanceId) => S | undefined) {
    this.#find = find;
  }

  /** Throws `request.invalid` if the labels name no slot; what `start` throws. */
  async start(
    { labels: { session, server } }: InstanceSpec,
    signal: AbortSignal,
    start: (slot: S, signal: AbortSignal) => Promise<Instance>,
  ): Promise<Instance> {
    const slot = this.#find(`${session}/${server}`);
    if (!slot) throw new AppError('request.invalid', `Not a session and a server: ${session}, ${server}`);
    return this.#turns.run(slot.id, (cancelled) => {
      const given = AbortSignal.any([signal, cancelled]);
      given.throwIfAborted();
      return start(slot, given);
    });
  }

  /** Throws what `end` throws. */
  async stop(id: InstanceId, end: (slot: S) => Promise<void>): Promise<void> {
    const slot = this.#find(id);
    if (!slot) return;
    this.#turns.cancel(slot.id, new AppError('server.stopped', `${slot.server} was stopped while it started`));
    await this.#turns.run(slot.id, () => end(slot));
  }
}
