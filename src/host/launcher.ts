import type { Clock } from '../core/clock.ts';
import { AppError, messageOf } from '../core/errors.ts';
import type { RequestId, RpcMessage } from '../core/json-rpc.ts';
import type { Circuit } from './circuit.ts';
import type { ServerEvents, ServerHandle, StartServer } from './server-handle.ts';
import type { StderrTail } from './stderr-tail.ts';

/** Characters of the last line of stderr that are shown in a message. */
const LAST_WORDS = 300;

export interface Failure {
  readonly reason: string;
  readonly stderr: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * Starts the servers of one host: keeps one started in advance for the next channel, and holds back servers that keep dying.
 */
export class Launcher {
  readonly #start: StartServer;
  readonly #circuit: Circuit;
  readonly #clock: Clock;
  readonly #stderr: StderrTail;
  #spare: Promise<Spare> | undefined;
  #failure: Failure | undefined;
  /** Those that are being started included. */
  running = 0;
  restarts = 0;
  /** Called before one more server is started for a channel. */
  makeRoom: () => Promise<void> = async () => {};
  /** Called when a server could not be started, did not answer `initialize`, or ended by itself. */
  onFailure: (reason: string) => void = () => {};

  constructor(start: StartServer, circuit: Circuit, stderr: StderrTail, clock: Clock) {
    this.#start = start;
    this.#circuit = circuit;
    this.#stderr = stderr;
    this.#clock = clock;
  }

  get failure(): Failure | undefined {
    return this.#failure;
  }
  get circuit(): 'closed' | 'half-open' | 'open' {
    return this.#circuit.state;
  }

  /** Starts a server for the next channel, so that it is up when the channel is opened. Rejects if it cannot be started. */
  async prepare(): Promise<void> {
    this.#spare ??= this.#launch();
    await this.#spare;
  }

  /**
   * A server for a channel: the one started in advance, or a new one.
   * @throws AppError `server.failed` if it cannot be started or the circuit is open
   */
  async acquire(events: ServerEvents, signal: AbortSignal): Promise<ServerHandle> {
    const taken = this.#spare;
    this.#spare = undefined; // before anything is awaited: it is for one channel
    const spare = await taken?.catch(() => undefined);
    if (spare?.alive) return spare.adopt(events);
    await this.makeRoom();
    const permission = this.#circuit.ask();
    if (!permission.go) throw this.#held(permission.until);
    const wait = permission.notBefore - this.#clock.now();
    if (wait > 0) await this.#clock.sleep(wait, signal);
    return (await this.#launch()).adopt(events);
  }

  /** The server answered `initialize`. */
  succeeded(): void {
    this.#failure = undefined;
    this.#circuit.succeeded();
  }

  /** A server that was acquired is no longer wanted, and did not come to answer `initialize`. */
  abandoned(): void {
    this.#circuit.abandoned();
  }

  /** A server that was acquired did not come to answer `initialize`. */
  failed(reason: string): AppError {
    this.#note(reason, 0);
    return this.describe(reason);
  }

  /** The error that callers see for `reason`, with the end of stderr. */
  describe(reason: string, waitMs?: number): AppError {
    const stderr = this.#stderr.toString();
    // Clients show the message alone, and the last line is the one that says most.
    const lastWords =
      stderr === '' ? '' : `; its last words: ${stderr.slice(stderr.lastIndexOf('\n') + 1).slice(-LAST_WORDS)}`;
    return new AppError('server.failed', `The server does not run: ${reason}${lastWords}`, {
      ...(stderr === '' ? {} : { data: { stderr } }),
      ...(waitMs === undefined ? {} : { retryAfter: Math.max(1, Math.ceil(waitMs / 1000)) }),
    });
  }

  async close(): Promise<void> {
    const spare = await this.#spare?.catch(() => undefined);
    this.#spare = undefined;
    await spare?.close();
  }

  async #launch(): Promise<Spare> {
    const spare = new Spare(this.#clock.now(), (reason, ranMs) => {
      this.running -= 1;
      this.restarts += 1;
      this.#note(reason, ranMs);
    });
    this.running += 1;
    try {
      await spare.start(this.#start, this.#clock);
    } catch (error) {
      this.running -= 1;
      this.#note(messageOf(error), 0);
      throw error instanceof AppError ? error : this.describe(messageOf(error));
    }
    spare.onClosed = () => {
      this.running -= 1;
    };
    return spare;
  }

  #note(reason: string, ranMs: number): void {
    this.#failure = { reason, stderr: this.#stderr.toString(), at: this.#clock.now() };
    this.#circuit.failed(ranMs);
    this.onFailure(reason);
  }

  #held(until: number): AppError {
    const last = this.#failure?.reason ?? 'it failed';
    return this.describe(`${last}; it failed too often and is not tried for now`, until - this.#clock.now());
  }
}

/** A started server whose channel may come later. */
class Spare implements ServerEvents {
  readonly #startedAt: number;
  readonly #onExit: (reason: string, ranMs: number) => void;
  #clock: Clock | undefined;
  #handle: ServerHandle | undefined;
  #events: ServerEvents | undefined;
  alive = true;
  onClosed: () => void = () => {};

  constructor(startedAt: number, onExit: (reason: string, ranMs: number) => void) {
    this.#startedAt = startedAt;
    this.#onExit = onExit;
  }

  async start(start: StartServer, clock: Clock): Promise<void> {
    this.#clock = clock;
    this.#handle = await start(this);
  }

  adopt(events: ServerEvents): ServerHandle {
    this.#events = events;
    const handle = this.#handle as ServerHandle;
    return {
      send: (payload) => handle.send(payload),
      pause: () => handle.pause(),
      resume: () => handle.resume(),
      close: () => this.close(),
    };
  }

  async close(): Promise<void> {
    if (!this.alive) return;
    this.alive = false;
    this.onClosed();
    await this.#handle?.close();
  }

  onMessage(message: RpcMessage, raw: Buffer, related?: RequestId): void {
    if (this.alive) this.#events?.onMessage(message, raw, related);
  }

  onExit(reason: string): void {
    if (!this.alive) return;
    this.alive = false;
    this.#onExit(reason, (this.#clock?.now() ?? 0) - this.#startedAt);
    this.#events?.onExit(reason);
  }
}
