import { AppError } from '../../core/errors.ts';
import type { SessionId } from '../../core/ids.ts';

/** Counts who follows the log of each session, with a bound. */
export class Followers {
  readonly #most: number;
  readonly #counts = new Map<SessionId, number>();

  /** @param most of one session */
  constructor(most: number) {
    this.#most = most;
  }

  /** One more, until disposed. @throws AppError `connection.quota` */
  enter(session: SessionId): Disposable {
    const count = this.#counts.get(session) ?? 0;
    if (count >= this.#most) {
      const message = `${count} follow the log of this session already: end one of these first`;
      throw new AppError('connection.quota', message, { retryAfter: 10 });
    }
    this.#counts.set(session, count + 1);
    return { [Symbol.dispose]: () => this.#leave(session) };
  }

  #leave(session: SessionId): void {
    const left = (this.#counts.get(session) ?? 1) - 1;
    if (left > 0) this.#counts.set(session, left);
    else this.#counts.delete(session);
  }
}
