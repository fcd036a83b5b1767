import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { AppError, ERRORS, messageOf } from '../../core/errors.ts';
import type { RequestId, RpcMessage, RpcNotification, RpcRequest } from '../../core/json-rpc.ts';
import { asMessage, idOf, isNotification, isRequest, isResponse, rpcError } from '../../core/json-rpc.ts';
import { Connector } from './connector.ts';
import type { Outgoing } from './exchange.ts';
import { Exchange } from './exchange.ts';
import { answerFor } from './failure.ts';
import { listen } from './listener.ts';
import type { Link, McpHttp } from './mcp-http.ts';
import { Patience } from './patience.ts';

export interface BridgeOptions {
  readonly http: McpHttp;
  /** A token of the terminal's session, which is made if there is none. */
  readonly token: () => Promise<string>;
  readonly clock: Clock;
  readonly random: () => number;
  /** How long a message may wait for a gateway, milliseconds. */
  readonly timeoutMs: number;
  /** Writes one message, without its newline, to the client; waits while it does not read, until the signal aborts. */
  readonly write: (text: string, signal: AbortSignal) => Promise<void>;
  /** Says something to people. */
  readonly warn: (text: string) => void;
}

const DELETE_MS = 2_000;

/**
 * Speaks JSON-RPC lines with a client and Streamable HTTP with the gateway. Requests run side by side; what has no answer
 * keeps its order. Every request is answered in the end, with an error under its own id if need be.
 */
export class Bridge {
  readonly #options: BridgeOptions;
  readonly #stopped = new AbortController();
  readonly #connector: Connector;
  /** Requests that are not answered yet: what aborts each. */
  readonly #calls = new Map<RequestId, AbortController>();
  readonly #running = new Set<Promise<void>>();
  /** Settles when everything that keeps its order has been taken. */
  #ordered: Promise<void> = Promise.resolve();
  #listening: AbortController | undefined;

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#connector = new Connector({
      token: options.token,
      exchange: (links, out) => this.#exchange(links, out, this.#stopped.signal),
      connected: (link) => this.#listen(link),
    });
  }

  /** Takes one line of the client; returns at once. */
  accept(line: string): void {
    if (line.trim() === '') return;
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch {
      this.#options.warn('a line of the client is not JSON and was left out'); // nobody would know an answer without an id
      return;
    }
    if (!Array.isArray(json)) this.#track(this.#acceptMessage(json, line));
    else for (const value of json) this.#track(this.#acceptMessage(value, JSON.stringify(value)));
  }

  /** Resolves when all calls are answered, `timeoutMs` have passed or the signal aborts; the connection is ended then. */
  async close(signal: AbortSignal): Promise<void> {
    const { clock, timeoutMs, http } = this.#options;
    const waiting = new AbortController();
    const limit = clock.sleep(timeoutMs, AbortSignal.any([signal, waiting.signal])).catch(() => {});
    await Promise.race([this.#settled(), limit]);
    waiting.abort();
    this.#stopped.abort(new AppError('call.outcome-unknown', 'The bridge ended before the answer came'));
    this.#listening?.abort();
    await this.#settled();
    const { link } = this.#connector;
    if (link?.connection) await http.remove(link, AbortSignal.timeout(DELETE_MS)).catch(() => {});
    await http.close();
  }

  async #settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #track(task: Promise<void>): void {
    const done = task.catch((error) => this.#options.warn(messageOf(error))).finally(() => this.#running.delete(done));
    this.#running.add(done);
  }

  async #acceptMessage(value: unknown, text: string): Promise<void> {
    const message = asMessage(value);
    if (typeof message === 'string') return this.#reject(value, message);
    const before = this.#ordered;
    if (isRequest(message) && message.method !== 'initialize') return this.#call(message, text, before);
    const done = isRequest(message) ? this.#call(message, text, before) : this.#tell(message, text, before);
    this.#ordered = done.catch(() => {});
    return done;
  }

  async #reject(value: unknown, problem: string): Promise<void> {
    const id = idOf(value);
    if (id === null) this.#options.warn(`a message of the client is not JSON-RPC and was left out: ${problem}`);
    else await this.#write(rpcError(id, ERRORS['request.invalid'].rpc, problem));
  }

  async #call(message: RpcRequest, text: string, before: Promise<void>): Promise<void> {
    const cancelled = new AbortController();
    this.#calls.set(message.id, cancelled);
    const signal = AbortSignal.any([this.#stopped.signal, cancelled.signal]);
    try {
      await before;
      const isFirst = message.method === 'initialize';
      const out = isFirst ? this.#connector.initializing(message, this.#out(message, text)) : this.#out(message, text);
      await this.#exchange(this.#connector, out, signal);
    } catch (error) {
      // A cancelled request gets no answer (MCP 2025-11-25, "Cancellation").
      if (!cancelled.signal.aborted) await this.#write(answerFor(message.id, error));
    } finally {
      if (this.#calls.get(message.id) === cancelled) this.#calls.delete(message.id);
    }
  }

  async #tell(message: RpcMessage, text: string, before: Promise<void>): Promise<void> {
    await before;
    await this.#exchange(this.#connector, this.#out(message, text), this.#stopped.signal);
    if (!isNotification(message)) return;
    const { link } = this.#connector;
    if (message.method === 'notifications/initialized' && link) this.#listen(link);
    if (message.method === 'notifications/cancelled') this.#cancel(message);
  }

  #cancel({ params }: RpcNotification): void {
    const id = params?.requestId;
    if (typeof id === 'string' || typeof id === 'number') this.#calls.get(id)?.abort();
  }

  #out(message: RpcMessage, text: string): Outgoing {
    return { message, text, key: randomUUID(), deliver: (_, answer) => this.#writeText(answer) };
  }

  #exchange(links: ConstructorParameters<typeof Exchange>[1], out: Outgoing, signal: AbortSignal): Promise<void> {
    const { http, clock, random, timeoutMs } = this.#options;
    return new Exchange(http, links, new Patience(clock, random, timeoutMs), signal, out).run();
  }

  /** Opens the stream of server messages for `link`, instead of the one before. */
  #listen(link: Link): void {
    const { http, clock, random } = this.#options;
    this.#listening?.abort();
    const listening = new AbortController();
    this.#listening = listening;
    const deliver = async (text: string) => {
      const message = asMessage(JSON.parse(text));
      if (typeof message !== 'string' && !isResponse(message))
        await this.#writeText(text.includes('\n') ? JSON.stringify(message) : text);
    };
    listen(link, listening.signal, { http, clock, random, deliver }).catch((error) => {
      if (!listening.signal.aborted) this.#options.warn(messageOf(error));
    });
  }

  #write(message: RpcMessage): Promise<void> {
    return this.#writeText(JSON.stringify(message));
  }

  #writeText(text: string): Promise<void> {
    return this.#options.write(text, this.#stopped.signal);
  }
}
