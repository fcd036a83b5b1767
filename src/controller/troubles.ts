import type { ControllerMeter } from '../core/controller-meter.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Instance } from '../core/runtime.ts';
import type { Present } from './instances.ts';
import { NotEnded } from './not-ended.ts';
import { viewOf } from './orphans.ts';
import { noteLack, outageOf } from './outages.ts';

/** What keeps a controller from its work, said once: not once for each session that it touches, nor with each attempt. */
export class Troubles {
  readonly #log: Logger;
  readonly #meter: Pick<ControllerMeter, 'lacked'>;
  #outage: string | undefined;
  readonly #standing = new Set<string>();

  constructor({ log, meter }: { readonly log: Logger; readonly meter: Pick<ControllerMeter, 'lacked'> }) {
    this.#log = log;
    this.#meter = meter;
  }

  /** What is out of reach, for people; undefined: nothing. */
  get outage(): string | undefined {
    return this.#outage;
  }

  note(error: unknown): void {
    noteLack(this.#meter, error);
    if (error instanceof NotEnded) {
      this.#noteStanding(error.instance, error.cause);
      return;
    }
    const outage = outageOf(error);
    if (outage && this.#outage) return;
    this.#outage ??= outage;
    this.#log.warn({ reason: messageOf(error) }, outage ?? 'reconciling failed');
  }

  /** A look at everything went well. @param actual what it found */
  passed(actual: ReadonlyMap<string, Present>): void {
    if (this.#outage) this.#log.info({}, 'reconciling again');
    this.#outage = undefined;
    const there = new Set([...actual.values()].map(({ instance }) => keyOf(instance)));
    for (const key of this.#standing) if (!there.has(key)) this.#standing.delete(key);
  }

  #noteStanding(instance: Instance, cause: unknown): void {
    if (this.#standing.has(keyOf(instance))) return;
    this.#standing.add(keyOf(instance));
    this.#log.warn(
      { ...viewOf(instance), reason: messageOf(cause) },
      'an instance cannot be ended: it is tried again and again',
    );
  }
}

/** An id may be used again, by the next instance in the same place. */
const keyOf = ({ id, name }: Instance): string => `${id} ${name}`;
