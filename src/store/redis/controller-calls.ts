import { randomUUID } from 'node:crypto';
import type { CleanupPreview, CleanupResult } from '../../core/api.ts';
import type { Clock } from '../../core/clock.ts';
import type { ControllerCalls } from '../../core/controller-calls.ts';
import { AppError, asAppError, ERRORS, type ErrorCode } from '../../core/errors.ts';
import { within } from '../../core/within.ts';
import type { RedisBus } from './bus.ts';
import { DEFAULT_PREFIX, RedisKeys } from './keys.ts';

type Name = keyof ControllerCalls;
type Result = CleanupResult | CleanupPreview;

interface Call {
  readonly id: string;
  /** Channel for the answer. */
  readonly to: string;
  /** Absent: everybody's. */
  readonly owner?: string;
}
interface Answer {
  readonly id: string;
  readonly result?: Result;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

export interface RemoteControllerOptions {
  readonly bus: RedisBus;
  /** The deployment's name in channels. */
  readonly deployment: string;
  readonly clock: Clock;
  /** How long the controller may take to answer, milliseconds. */
  readonly answerMs: number;
}

/** Asks the controller that is in charge, over Redis. */
export class RemoteController implements ControllerCalls, Disposable {
  readonly #options: RemoteControllerOptions;
  readonly #calls: (name: Name) => string;
  readonly #answers: string;
  readonly #waiting = new Map<string, (answer: Answer) => void>();
  readonly #subscription: Disposable;

  constructor(options: RemoteControllerOptions) {
    this.#options = options;
    const keys = new RedisKeys(DEFAULT_PREFIX);
    this.#calls = (name) => keys.calls(options.deployment, name);
    this.#answers = keys.answers(options.deployment, randomUUID());
    this.#subscription = options.bus.on(this.#answers, (text) => {
      const answer = JSON.parse(text) as Answer;
      this.#waiting.get(answer.id)?.(answer);
    });
  }

  async cleanup(owner?: string): Promise<CleanupResult> {
    return (await this.#ask('cleanup', owner)) as CleanupResult;
  }

  async foresee(owner?: string): Promise<CleanupPreview> {
    return (await this.#ask('foresee', owner)) as CleanupPreview;
  }

  async #ask(name: Name, owner: string | undefined): Promise<Result> {
    const { bus, clock, answerMs } = this.#options;
    const id = randomUUID();
    const answered = Promise.withResolvers<Answer>();
    this.#waiting.set(id, answered.resolve);
    try {
      const call: Call = { id, to: this.#answers, ...(owner === undefined ? {} : { owner }) };
      if ((await bus.publish(this.#calls(name), JSON.stringify(call))) === 0) throw nobody();
      const { result, error } = await within(clock, answerMs, nobody, () => answered.promise);
      if (result) return result;
      throw new AppError(error && error.code in ERRORS ? error.code : 'internal', error?.message ?? 'no result');
    } finally {
      this.#waiting.delete(id);
    }
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}

/** Answers what gateways ask, until disposed: for the controller that is in charge. */
export function answerCalls(bus: RedisBus, deployment: string, controller: ControllerCalls): Disposable {
  const keys = new RedisKeys(DEFAULT_PREFIX);
  const subscriptions = new DisposableStack();
  for (const name of ['cleanup', 'foresee'] as const) {
    const on = (text: string) => void answer(bus, JSON.parse(text) as Call, (owner) => controller[name](owner));
    subscriptions.use(bus.on(keys.calls(deployment, name), on));
  }
  return subscriptions;
}

async function answer(bus: RedisBus, { id, to, owner }: Call, work: (owner?: string) => Promise<Result>) {
  const answered = await work(owner).then(
    (result): Answer => ({ id, result }),
    (cause: unknown): Answer => {
      const { code, message } = asAppError(cause);
      return { id, error: { code, message } };
    },
  );
  // Whoever asked has a deadline, and asks again.
  await bus.publish(to, JSON.stringify(answered)).catch(() => {});
}

const nobody = () =>
  new AppError('server.busy', 'No controller answers at the moment: see that one runs, and try again', {
    retryAfter: 2,
  });
