import type { RequestId, RpcRequest } from '../../../core/json-rpc.ts';
import type { Fields } from '../fields.ts';
import { inputRequest, keyOfQuestion, missingCapability } from './questions.ts';
import type { CallState } from './request-state.ts';

/** So many questions, or bytes of them, are asked at once at most: the next ones wait in the host. */
const AT_ONCE = 32;
const AT_ONCE_BYTES = 1 << 20;

/** What becomes of a question of the server's. */
export type Taken =
  | { readonly type: 'answered-before' }
  /** The client's answer came with its request. */
  | { readonly type: 'answer'; readonly result: Fields }
  /** The client has not declared that it can be asked this. */
  | { readonly type: 'incapable'; readonly requiredCapabilities: Fields }
  /** The client is to be asked. */
  | { readonly type: 'waits' };

/**
 * What a server asks during one call. The client is answered with the questions, and comes back with another request, which
 * is told again whatever came behind a *place* in the call's stream: the last one before a question that waits.
 */
export class CallQuestions {
  readonly #capabilities: Fields;
  /** The client's answers that no question had yet, by key. */
  readonly #answers: Map<string, Fields>;
  readonly #waiting = new Map<string, RpcRequest>();
  #waitingBytes = 0;
  /** Answered ones behind the place. */
  readonly #answered: Set<RequestId>;
  /** Questions before the place. */
  #asked: number;
  /** Those that were met until now: a question has the same number whenever the stream is told again. */
  #met: number;

  /** @param from where an earlier request of the client's has left the call */
  constructor(capabilities: Fields, answers: ReadonlyMap<string, Fields>, from: CallState | undefined) {
    this.#capabilities = capabilities;
    this.#answers = new Map(answers);
    this.#answered = new Set(from?.answered);
    this.#asked = from?.asked ?? 0;
    this.#met = this.#asked;
  }

  /** Whether there is something to ask the client: nothing that the server says now is passed on until it was. */
  get waiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Whether no more is to be waited for: there are as many as are asked at once. */
  get enough(): boolean {
    return this.#waiting.size >= AT_ONCE || this.#waitingBytes >= AT_ONCE_BYTES;
  }

  /** @param size bytes */
  take(question: RpcRequest, size: number): Taken {
    this.#met += 1;
    if (this.#answered.has(question.id)) return { type: 'answered-before' };
    const requiredCapabilities = missingCapability(question, this.#capabilities);
    if (requiredCapabilities) return { type: 'incapable', requiredCapabilities };
    const key = keyOfQuestion(question, this.#met, (taken) => this.#waiting.has(taken));
    const result = this.#answers.get(key);
    if (!result) {
      this.#waiting.set(key, question);
      this.#waitingBytes += size;
      return { type: 'waits' };
    }
    // Good for one question: another one of that name wants another answer.
    this.#answers.delete(key);
    this.#answered.add(question.id);
    return { type: 'answer', result };
  }

  /** The server does not want to know any more. */
  withdraw(id: unknown): void {
    for (const [key, question] of this.#waiting) if (question.id === id) this.#waiting.delete(key);
  }

  /**
   * The place is behind this message now, if nothing waits.
   * @param question its id, if it was one
   */
  pass(question: RequestId | undefined): boolean {
    if (this.waiting) return false;
    this.#asked = this.#met;
    if (question !== undefined) this.#answered.delete(question);
    return true;
  }

  /** What the client is to be asked, as `inputRequests`. */
  get inputRequests(): Fields {
    return Object.fromEntries([...this.#waiting].map(([key, question]) => [key, inputRequest(question)]));
  }

  get state(): Pick<CallState, 'asked' | 'answered'> {
    return { asked: this.#asked, answered: [...this.#answered] };
  }
}
