import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';

/** How long a plan holds, milliseconds. */
const LIFE_MS = 300_000;
/** How many plans a session keeps; the oldest go first. */
const MOST = 200;

export interface Plan {
  readonly token: string;
  /** What was called: tool, server and arguments. */
  readonly call: string;
  /** What is to be done, and what that rests on. */
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The plans of a session. Each can be applied once, within its time, with the arguments that it was made for. */
export class Plans {
  readonly #clock: Clock;
  readonly #plans = new Map<string, Plan>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  make(call: string, digest: string): Plan {
    const expiresAt = this.#clock.now() + LIFE_MS;
    const plan = { token: randomBytes(18).toString('base64url'), call, digest, expiresAt };
    this.#plans.set(plan.token, plan);
    for (const oldest of this.#plans.keys()) {
      if (this.#plans.size <= MOST) break;
      this.#plans.delete(oldest);
    }
    return plan;
  }

  /**
   * Takes a plan out: whatever comes of it, its token is used up.
   * @throws AppError `params.invalid` if there is none that holds for `call`
   */
  take(token: string, call: string): Plan {
    const plan = this.#plans.get(token);
    this.#plans.delete(token);
    const again = 'Call again without plan_token to make a new plan, and look at it before you apply it';
    if (!plan) throw new AppError('params.invalid', `This plan_token is not known, or was used before. ${again}`);
    if (plan.expiresAt <= this.#clock.now()) throw new AppError('params.invalid', `This plan has expired. ${again}`);
    if (plan.call !== call)
      throw new AppError('params.invalid', `This plan was made for other arguments or another tool. ${again}`);
    return plan;
  }
}
