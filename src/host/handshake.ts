import type { Clock } from '../core/clock.ts';
import type { AppError } from '../core/errors.ts';
import type { RpcMessage } from '../core/json-rpc.ts';
import { Refusal } from './channel-log.ts';
import type { ServerHandle } from './server-handle.ts';

const ID = 'mcp-session-manager/initialize';
const REPLAY_ID = 'mcp-session-manager/replay';

const line = (message: object): Buffer => Buffer.from(JSON.stringify(message));
const INITIALIZED = line({ jsonrpc: '2.0', method: 'notifications/initialized' });

/**
 * The initialization of one channel's servers (2025-11-25, basic/lifecycle): the first as the client asked for it, each
 * later one replayed with the state that the client set since: log level and subscriptions.
 */
export class Handshake {
  readonly #request: Buffer;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  #level: unknown;
  readonly #subscriptions = new Set<unknown>();
  #pending: { resolve: (raw: Buffer) => void; reject: (error: unknown) => void } | undefined;
  /** The first server's `initialize` result, JSON: what the client was told. */
  result: Buffer | undefined;
  #confirmed = false;

  constructor(params: Buffer, timeoutMs: number, clock: Clock) {
    this.#request = Buffer.concat([
      Buffer.from(`{"jsonrpc":"2.0","id":"${ID}","method":"initialize","params":`),
      params,
      Buffer.from('}'),
    ]);
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** Initializes a new server; rejects when it answers with an error (Refusal), ends, or takes too long. */
  async run(server: ServerHandle, closed: AbortSignal): Promise<void> {
    const done = new AbortController();
    const answered = new Promise<Buffer>((resolve, reject) => {
      this.#pending = { resolve, reject };
    });
    const late = this.#clock.sleep(this.#timeoutMs, AbortSignal.any([done.signal, closed])).then(() => {
      throw new Error(`it did not answer "initialize" within ${this.#timeoutMs / 1000} s`);
    });
    server.send(this.#request);
    try {
      const result = await Promise.race([answered, late]);
      this.result ??= result;
    } finally {
      this.#pending = undefined;
      done.abort();
      late.catch(() => {});
      answered.catch(() => {});
    }
    if (this.#confirmed) server.send(INITIALIZED);
    this.#replay(server);
  }

  /**
   * The client knows the result.
   * @param server the one that runs, if it is initialized; each later one is told by `run`
   */
  confirm(server: ServerHandle | undefined): void {
    if (this.#confirmed) return;
    this.#confirmed = true;
    server?.send(INITIALIZED);
  }

  /** True if the message is the answer to this handshake, and not for the client. */
  take(message: RpcMessage): boolean {
    if ('method' in message) return false;
    if (message.id === REPLAY_ID) return true;
    if (message.id !== ID) return false;
    if ('error' in message)
      this.#pending?.reject(new Refusal('initialize-refused', message.error.message, message.error));
    else this.#answered(message.result);
    return true;
  }

  #answered(result: object): void {
    try {
      this.#pending?.resolve(line(result));
    } catch {
      this.#pending?.reject(new Error('its answer to "initialize" is nested too deeply'));
    }
  }

  /** The server ended: a handshake that is under way fails. */
  fail(error: AppError): void {
    this.#pending?.reject(error);
  }

  /** Notes a request of the client that changes the server's state, to be replayed. */
  remember(method: string, payload: Buffer): void {
    if (method !== 'logging/setLevel' && method !== 'resources/subscribe' && method !== 'resources/unsubscribe') return;
    const { params } = JSON.parse(payload.toString()) as { params?: { level?: unknown; uri?: unknown } };
    if (method === 'logging/setLevel') this.#level = params?.level;
    else if (method === 'resources/subscribe') this.#subscriptions.add(params?.uri);
    else this.#subscriptions.delete(params?.uri);
  }

  #replay(server: ServerHandle): void {
    const ask = (method: string, params: object): void =>
      server.send(line({ jsonrpc: '2.0', id: REPLAY_ID, method, params }));
    if (this.#level !== undefined) ask('logging/setLevel', { level: this.#level });
    for (const uri of this.#subscriptions) ask('resources/subscribe', { uri });
  }
}
