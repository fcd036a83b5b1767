import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import { type HostLinks, HostRefused, LinkLost } from '../../core/host-link.ts';
import { backoffDelay } from '../../core/retry.ts';
import type { Signals } from '../../core/signals.ts';
import type { InstanceKeys } from '../../sessions/instance-keys.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { Reached, ServerFacts, Target } from './target.ts';

const BACKOFF = { baseMs: 50, maxMs: 1000 };

export interface ReachOptions {
  readonly sessions: Pick<Sessions, 'awaitReady'>;
  readonly keys: InstanceKeys;
  readonly links: HostLinks;
  readonly signals: Signals;
  readonly clock: Clock;
  /** How long a request is held while its server is started or found again, milliseconds. */
  readonly holdMs: number;
}

/** Finds the instance of a target, wherever it runs by now, and opens its channel there. */
export class Reach {
  readonly #options: ReachOptions;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  /**
   * Resolves with a link on which the target's channel is open. Calls at the same time share one search, so messages that
   * wait for it go out in the order in which they came.
   * @throws AppError what `awaitReady` throws; `server.failed`; `server.busy` if the host was not reached in time;
   *   HostRefused `initialize-refused`
   */
  to(target: Target): Promise<Reached> {
    target.reaching ??= this.#search(target).finally(() => {
      target.reaching = undefined;
    });
    return target.reaching;
  }

  async #search(target: Target): Promise<Reached> {
    const { sessions, keys, links, signals, clock, holdMs } = this.#options;
    const deadline = clock.now() + holdMs;
    const signal = AbortSignal.timeout(holdMs + 1000); // awaitReady has the same deadline, and says more
    for (let failures = 1; ; failures++) {
      const { record, state } = await sessions.awaitReady(target.session.id, target.server, signal);
      const secret = keys.secretOf(record, target.server, state.incarnation);
      try {
        const link = await links.to({ endpoint: state.instance.endpoint, secret }, signal);
        const result = await link.open(target.connection, target.initialize, target.resume);
        target.link = link;
        target.resume = true;
        target.facts = factsOf(result);
        return { link, result };
      } catch (error) {
        if (error instanceof HostRefused) throw refusal(target, error);
        if (!(error instanceof LinkLost)) throw error;
        // The record says ready and nobody is there: the controller is to look.
        signals.publish(target.session.id);
        if (clock.now() >= deadline) throw busy(target, error);
        await clock.sleep(backoffDelay(BACKOFF, failures, Math.random()));
      }
    }
  }
}

function factsOf(result: Buffer): ServerFacts {
  const { capabilities, instructions } = JSON.parse(result.toString()) as Partial<ServerFacts>;
  return { capabilities: capabilities ?? {}, ...(instructions === undefined ? {} : { instructions }) };
}

const busy = (target: Target, cause: Error) =>
  new AppError('server.busy', `Server "${target.server}" cannot be reached at the moment. Try again`, {
    retryAfter: 1,
    cause,
  });

function refusal(target: Target, error: HostRefused): Error {
  if (error.code !== 'server-failed') return error;
  const { retryAfter, ...data } = error.data;
  return new AppError('server.failed', `Server "${target.server}": ${error.message}`, {
    data: { server: target.server, ...data },
    ...(typeof retryAfter === 'number' ? { retryAfter } : {}),
  });
}
