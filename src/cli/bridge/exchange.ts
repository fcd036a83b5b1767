import { AppError } from '../../core/errors.ts';
import type { RpcMessage } from '../../core/json-rpc.ts';
import { isRequest } from '../../core/json-rpc.ts';
import { AnswerReader } from './answer-reader.ts';
import { failureOf, outcomeUnknown, saysOver } from './failure.ts';
import type { HttpAnswer } from './mcp-http.ts';
import { NoAnswer } from './mcp-http.ts';
import type { Patience } from './patience.ts';

/** One time that a message is sent. */
export interface Attempt {
  /** Of the last event that came; absent: the message is to be posted. */
  readonly lastEventId: string | undefined;
  /** How long the head of the answer may take, milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What the gateway refuses: the token, or what the token or the connection leads to. */
export interface Refusal {
  readonly what: 'token' | 'over';
  /** It is a call that may have been run: elsewhere it would run a second time. */
  readonly mayHaveRun: boolean;
}

/** One message on its way to the gateway and, for a request, back: all that differs between the eras of the protocol. */
export interface Outgoing {
  readonly message: RpcMessage;
  /** An answer that breaks off can be had from the last event on; else it begins again. */
  readonly resumable: boolean;
  /** It goes on until it is taken back: a result ends no more than the stream, since a gateway ended. */
  readonly lasting: boolean;
  /** Posts the message, or asks for the rest of its answer. Rejects with `NoAnswer`, or what is wrong. */
  send(attempt: Attempt): Promise<HttpAnswer>;
  /** Gets anew what was refused to the last attempt, so that the message can be sent again. Rejects if it must not be. */
  repair(refusal: Refusal): Promise<void>;
  /** Takes each message that comes back, as JSON text in one line; the answer to a request is the last one. */
  deliver(message: RpcMessage, text: string, answer: HttpAnswer): Promise<void>;
}

/** What to wait for before the next attempt. */
interface Wait {
  readonly error: unknown;
  readonly leastMs: number;
}

/** How often a token or a connection is made anew before the message is taken: a second time only if it was overtaken. */
const MAX_REPAIRS = 3;

/**
 * Sends one message until it is taken, and reads until its answer is there: sent again where nothing was answered or the
 * answer broke off. Every time is under the same key, so the gateway runs it once at most (D3). Rejects if it cannot be
 * delivered, or if nobody can know what became of it.
 */
export class Exchange {
  readonly #out: Outgoing;
  readonly #patience: Patience;
  readonly #signal: AbortSignal;
  readonly #reader: AnswerReader;
  /** The gateway may have it: elsewhere it would run a second time. */
  #sent = false;
  #done = false;
  #repairs = 0;

  constructor(out: Outgoing, patience: Patience, signal: AbortSignal) {
    this.#out = out;
    this.#patience = patience;
    this.#signal = signal;
    this.#reader = new AnswerReader(out, patience, signal);
  }

  async run(): Promise<void> {
    while (!this.#done) {
      const wait = await this.#attempt().catch((error: unknown) => this.#worthAnother(error));
      if (wait) await this.#patience.wait(wait.error, this.#signal, wait.leastMs);
    }
  }

  async #attempt(): Promise<Wait | undefined> {
    const { lastEventId } = this.#reader;
    const answer = await this.#out.send({ lastEventId, timeoutMs: this.#patience.left, signal: this.#signal });
    return answer.statusCode < 300 ? this.#taken(answer) : this.#refused(answer);
  }

  /** @throws error if another attempt would not help */
  #worthAnother(error: unknown): Wait {
    if (error instanceof AppError && error.status === 503) {
      return { error, leastMs: (error.retryAfter ?? 0) * 1000 };
    }
    if (!(error instanceof NoAnswer)) throw error;
    this.#sent ||= error.sent;
    return { error: this.#lost(error), leastMs: 0 };
  }

  async #taken(answer: HttpAnswer): Promise<Wait | undefined> {
    this.#repairs = 0;
    if (!isRequest(this.#out.message)) {
      await answer.body.dump();
      this.#done = true;
      return undefined;
    }
    this.#sent = true;
    this.#patience.answered();
    this.#done = await this.#reader.read(answer);
    if (this.#done) return undefined;
    return { error: this.#lost(new Error('the answer broke off')), leastMs: this.#reader.retryMs };
  }

  async #refused(answer: HttpAnswer): Promise<Wait | undefined> {
    const { statusCode } = answer;
    const error = await failureOf(answer);
    if (statusCode === 502 || statusCode === 503 || statusCode === 504) {
      this.#sent ||= statusCode !== 503; // a balancer's: the gateway behind it may have the message
      return { error, leastMs: (Number(answer.headers['retry-after']) || 0) * 1000 };
    }
    const isOver = statusCode === 404 && saysOver(error);
    if ((statusCode !== 401 && !isOver) || this.#repairs === MAX_REPAIRS) throw error;
    this.#repairs += 1;
    if (isOver) this.#reader.startOver();
    await this.#out.repair({ what: isOver ? 'over' : 'token', mayHaveRun: this.#sent && this.#isCall() });
    return undefined;
  }

  /** All other requests may run twice without harm. */
  #isCall(): boolean {
    return isRequest(this.#out.message) && this.#out.message.method === 'tools/call';
  }

  #lost(cause: Error): AppError {
    if (this.#sent && this.#isCall()) return outcomeUnknown(cause.message);
    const what = `the session manager cannot be reached (${cause.message}): start it with 'npm start' in its folder`;
    return new AppError('manager.unreachable', what, { cause });
  }
}
