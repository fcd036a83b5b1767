import type { Clock } from '../../core/clock.ts';
import { AppError, ERRORS, messageOf } from '../../core/errors.ts';
import type { RpcMessage, RpcNotification } from '../../core/json-rpc.ts';
import { asMessage, idOf, isNotification, rpcError } from '../../core/json-rpc.ts';
import type { BridgeContext } from './context.ts';
import { LegacyEra } from './legacy/legacy-era.ts';
import type { McpHttp } from './mcp-http.ts';
import { isModern } from './modern/metadata.ts';
import { ModernEra } from './modern/modern-era.ts';
import { Outage } from './outage.ts';
import { Patience } from './patience.ts';
import { SessionToken } from './session-token.ts';

export interface BridgeOptions {
  readonly http: McpHttp;
  /** A token of the terminal's session, which is made if there is none. */
  readonly token: (signal?: AbortSignal) => Promise<string>;
  readonly clock: Clock;
  readonly random: () => number;
  /** How long a request may go without a sign of life of the gateway, milliseconds. */
  readonly timeoutMs: number;
  /** Writes one message, without its newline, to the client; waits while it does not read, until the signal aborts. */
  readonly write: (text: string, signal: AbortSignal) => Promise<void>;
  /** Says something to people. */
  readonly warn: (text: string) => void;
}

/**
 * Speaks JSON-RPC lines with a client and Streamable HTTP with the gateway. Each message goes the way of its era (2026-07-28,
 * basic/versioning, "Terminology"): a client may try one and use the other. Every request is answered in the end, with an
 * error under its own id if need be.
 */
export class Bridge {
  readonly #options: BridgeOptions;
  readonly #stopped = new AbortController();
  readonly #context: BridgeContext;
  readonly #legacy: LegacyEra;
  readonly #modern: ModernEra;
  readonly #running = new Set<Promise<void>>();

  constructor(options: BridgeOptions) {
    const { http, token, clock, random, timeoutMs, warn } = options;
    const stopped = this.#stopped.signal;
    const outage = new Outage(clock, warn);
    this.#options = options;
    this.#context = {
      http,
      token: new SessionToken(token),
      timeoutMs,
      stopped,
      patience: (limitMs = () => timeoutMs) => new Patience(clock, random, limitMs, outage),
      write: (text) => options.write(text, stopped),
      warn,
    };
    this.#legacy = new LegacyEra(this.#context);
    this.#modern = new ModernEra(this.#context);
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
    this.#modern.endSubscriptions();
    const waiting = new AbortController();
    const limit = clock.sleep(timeoutMs, AbortSignal.any([signal, waiting.signal])).catch(() => {});
    await Promise.race([this.#settled(), limit]);
    waiting.abort();
    this.#stopped.abort(new AppError('call.outcome-unknown', 'The bridge ended before the answer came'));
    await this.#settled();
    await this.#legacy.close();
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
    if (isNotification(message) && message.method === 'notifications/cancelled') return this.#cancel(message, text);
    return isModern(message) ? this.#modern.accept(message, text) : this.#legacy.accept(message, text);
  }

  /** A cancellation need not say its era: the request does that it is about. One of nothing that runs is left out. */
  async #cancel(notification: RpcNotification, text: string): Promise<void> {
    if (!this.#modern.cancel(notification)) await this.#legacy.cancel(notification, text);
  }

  async #reject(value: unknown, problem: string): Promise<void> {
    const id = idOf(value);
    if (id === null) this.#options.warn(`a message of the client is not JSON-RPC and was left out: ${problem}`);
    else await this.#write(rpcError(id, ERRORS['request.invalid'].rpc, problem));
  }

  #write(message: RpcMessage): Promise<void> {
    return this.#context.write(JSON.stringify(message));
  }
}
