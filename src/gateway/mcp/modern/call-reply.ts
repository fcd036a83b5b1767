import type { Clock } from '../../../core/clock.ts';
import { AppError, asAppError } from '../../../core/errors.ts';
import {
  isRequest,
  isResponse,
  type RequestId,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
  rpcError,
} from '../../../core/json-rpc.ts';
import type { Conversation } from '../conversation.ts';
import { parseEventId, type RequestCursor } from '../event-id.ts';
import { digestOf, encoded, type Fields } from '../fields.ts';
import type { Heart } from '../heart.ts';
import { rewritten } from '../raw-json.ts';
import type { Reply } from '../reply.ts';
import type { Call } from './call.ts';
import { CallQuestions } from './call-questions.ts';
import { isLogged } from './client-meta.ts';
import { incapable, inputRequest, isInterruptible, isQuestion, missingCapability } from './questions.ts';
import type { CallState } from './request-state.ts';
import { completion, inputRequiredResult, publicError, urlElicitations } from './results.ts';

/** Questions that a server asks at once come one by one: so long is waited for the next, milliseconds. */
const GATHER_MS = 50;
const METHOD_NOT_FOUND = -32601;

export interface CallReplyOptions {
  /** The HTTP response. */
  readonly out: Reply;
  readonly heart: Heart;
  readonly clock: Clock;
  readonly conversation: Conversation;
  readonly call: Call;
  /** The client's answers, by key. */
  readonly answers: ReadonlyMap<string, Fields>;
  /** Where the call is that the client goes on with; undefined: it is a new one. */
  readonly from: CallState | undefined;
  readonly seal: (state: CallState) => string;
}

/**
 * Where the answer to one request of a modern client goes: what a server of an earlier revision says becomes what the newer
 * one has. What the server asks becomes an `input_required` result; the call waits in the host meanwhile, and the client's
 * next request goes on with it (2026-07-28, basic/patterns/mrtr).
 */
export class CallReply implements Reply {
  /** Made by whoever posts the request: says where in which stream it begins. */
  primer: (() => string) | undefined;
  readonly #options: CallReplyOptions;
  readonly #questions: CallQuestions;
  readonly #forgetCut: () => void;
  /** By which the server knows the call, also when another request of the client's goes on with it. */
  readonly #serverId: RequestId;
  /** Makes the event id of the place from which the client's next request would go on; undefined: the beginning. */
  #place: (() => string) | undefined;
  #gathering = new AbortController();
  #timed = false;
  /** The host has the request. */
  #posted: boolean;
  #done = false;

  constructor(options: CallReplyOptions) {
    const { out, heart, call, answers, from } = options;
    this.#options = options;
    this.#questions = new CallQuestions(call.client.capabilities, answers, from);
    this.#posted = from !== undefined;
    if (from) this.#place = () => from.place;
    this.#serverId = from ? this.#cursor().request : call.serverId;
    this.#forgetCut = heart.onCut(() => this.#cut());
    out.onClose(() => this.#gone());
  }

  get closed(): boolean {
    return this.#done || this.#options.out.closed;
  }
  get congested(): boolean {
    return this.#options.out.congested;
  }
  onClose(callback: () => void): void {
    this.#options.out.onClose(callback);
  }
  onDrain(callback: () => void): void {
    this.#options.out.onDrain(callback);
  }
  startTimer(): void {
    if (!this.#timed) this.#options.out.startTimer();
    this.#timed = true;
  }
  posted(): void {
    this.#posted = true;
  }
  stream(): void {} // begins with the first notification, or when it takes long
  accept(): void {}

  send(payload: Buffer, id: (() => string) | undefined, last: boolean): void {
    if (this.#done) return;
    this.#take(payload, id);
    if (last) this.end(); // it was no answer: the call was cancelled behind it
  }

  json(_status: number, body: Buffer | string): void {
    if (!this.#done) this.#take(body, undefined);
  }

  /** The stream has ended without an answer: clients hang on a request that gets none. */
  end(): void {
    this.fail(
      new AppError('call.outcome-unknown', 'The call was given up, or goes on for another request of its client'),
    );
  }

  fail(error: AppError): void {
    if (this.#finish()) this.#options.out.fail(error, this.#options.call.request.id);
  }

  #take(payload: Buffer | string, id: (() => string) | undefined): void {
    const text = payload.toString();
    const message = JSON.parse(text) as RpcMessage;
    if (isResponse(message)) {
      this.#answer(message, text);
      return;
    }
    if (isRequest(message)) this.#question(message, payload.length);
    else this.#notice(message);
    if (id && this.#questions.pass(isRequest(message) ? message.id : undefined)) this.#place = id;
  }

  #answer(message: RpcResponse, text: string): void {
    const { request } = this.#options.call;
    const { serverInfo } = this.#options.conversation;
    if ('result' in message) {
      const { result } = message;
      this.#write(200, () => {
        const completed = rewritten(text, ['result'], completion(request.method, result, serverInfo));
        return rewritten(completed, [], { id: request.id });
      });
      return;
    }
    const pages = isInterruptible(request.method) ? urlElicitations(message) : undefined;
    if (pages) {
      this.#sendTo(pages);
      return;
    }
    const { status, ...error } = publicError(message, request);
    this.#say(status, () => ({ error }));
  }

  /** The server has refused the call until the user was somewhere: nothing waits, and what the client sends next is a new call. */
  #sendTo(pages: readonly RpcRequest[]): void {
    const { call, conversation } = this.#options;
    const missing = pages.map((page) => missingCapability(page, call.client.capabilities)).find((one) => one);
    if (missing) {
      this.fail(incapable(missing));
      return;
    }
    const asked = Object.fromEntries(pages.map((page, n) => [`elicitation-${n + 1}`, inputRequest(page)]));
    this.#say(200, () => ({ result: inputRequiredResult(asked, undefined, conversation.serverInfo) }));
  }

  /** @param size bytes */
  #question(question: RpcRequest, size: number): void {
    const { method } = this.#options.call.request;
    if (!isQuestion(question.method) || !isInterruptible(method)) {
      this.#refuse(question, `Nobody can be asked for ${question.method.slice(0, 64)} during ${method.slice(0, 64)}`);
      return;
    }
    const taken = this.#questions.take(question, size);
    if (taken.type === 'waits') {
      if (this.#questions.enough) this.#suspend(this.#questions.inputRequests);
      else this.#gather();
    } else if (taken.type === 'answer')
      this.#tellServer(question, { jsonrpc: '2.0', id: question.id, result: taken.result });
    else if (taken.type === 'incapable') {
      this.fail(incapable(taken.requiredCapabilities));
      this.#refuse(question, 'The client does not have this capability');
      this.#cancel('It needs what the client cannot do');
    }
  }

  #notice({ method, params = {} }: RpcNotification): void {
    const { call, out } = this.#options;
    if (method === 'notifications/cancelled') this.#questions.withdraw(params.requestId);
    if (this.#questions.waiting) return; // it is told again
    let own: Fields | undefined;
    if (
      method === 'notifications/progress' &&
      params.progressToken === this.#serverId &&
      call.progressToken !== undefined
    )
      own = { ...params, progressToken: call.progressToken };
    else if (method === 'notifications/message' && isLogged(params.level, call.client.logLevel)) own = params;
    const payload = own && encoded(() => JSON.stringify({ jsonrpc: '2.0', method, params: own }));
    if (payload) out.send(payload, undefined, false);
  }

  /** Waits for what the server asks in the same breath. */
  #gather(): void {
    this.#gathering.abort();
    this.#gathering = new AbortController();
    this.#options.clock.sleep(GATHER_MS, this.#gathering.signal).then(
      () => {
        if (this.#questions.waiting) this.#suspend(this.#questions.inputRequests);
      },
      () => {}, // there was more, or the answer
    );
  }

  /** The client is to come back with another request, which goes on from here. */
  #suspend(inputRequests: Fields): void {
    const { conversation, seal } = this.#options;
    const state = seal({ connection: conversation.record.id, place: this.#here(), ...this.#questions.state });
    this.#say(200, () => ({ result: inputRequiredResult(inputRequests, state, conversation.serverInfo) }));
  }

  /** This gateway's connections are about to be cut; the call goes on in its host. */
  #cut(): void {
    if (!this.#posted) this.fail(new AppError('server.busy', 'This gateway ends, and has done nothing. Try again'));
    else if (isInterruptible(this.#options.call.request.method)) this.#suspend({});
    else this.fail(new AppError('call.outcome-unknown', 'This gateway has ended before the answer was there'));
  }

  /**
   * The client has gone, which means that it does not want the answer (2026-07-28, patterns/cancellation). But it may have come
   * back elsewhere, with the same key: a balancer does, when it has waited too long for this gateway.
   */
  #gone(): void {
    if (!this.#finish() || !this.#posted) return;
    queueMicrotask(() => this.#cancel('The client has gone', true)); // by then this gateway does not follow it any more
  }

  #cancel(reason: string, unlessFollowed = false): void {
    this.#options.conversation.cancel(this.#cursor(), reason, unlessFollowed).catch(() => {}); // with its server the call is gone too
  }

  #refuse(question: RpcRequest, why: string): void {
    this.#tellServer(question, rpcError(question.id, METHOD_NOT_FOUND, why));
  }

  #tellServer({ id }: RpcRequest, message: RpcResponse): void {
    // However often the client comes back with its answer, the server gets it once.
    const key = `answer-${digestOf([this.#cursor().stream, id])}`;
    this.#options.conversation
      .notify({ message, payload: JSON.stringify(message), key })
      .catch((error: unknown) => this.fail(asAppError(error)));
  }

  #here(): string {
    return (this.#place ?? this.primer)?.() ?? '';
  }

  #cursor(): RequestCursor {
    return parseEventId(this.#here()) as RequestCursor;
  }

  #say(status: number, answer: () => object): void {
    const { id } = this.#options.call.request;
    this.#write(status, () => JSON.stringify({ jsonrpc: '2.0', id, ...answer() }));
  }

  #write(status: number, answer: () => string): void {
    if (!this.#finish()) return;
    const { out, call } = this.#options;
    const body = encoded(answer);
    const why = 'The answer of the server is nested too deeply to be passed on';
    if (body) out.json(status, body);
    else out.fail(new AppError('upstream.failed', why), call.request.id);
  }

  /** False: it was finished before. */
  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#gathering.abort();
    this.#forgetCut();
    return true;
  }
}
