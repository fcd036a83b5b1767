import type { RpcMessage } from '../../src/core/json-rpc.ts';
import type { ServerEvents, ServerHandle } from '../../src/host/server-handle.ts';
import type { SimHost } from './sim-host.ts';
import type { World } from './world.ts';

interface Call {
  readonly uid: string;
  readonly tag: string;
  /** How many progress notifications come before the answer. */
  readonly steps: number;
  /** Time from one to the next, milliseconds. */
  readonly everyMs: number;
}

/** A child process whose calls are counted: each may be run once. It says by itself, too, that something has changed. */
export class SimServer implements ServerHandle {
  readonly #world: World;
  readonly #host: SimHost;
  readonly #events: ServerEvents;
  readonly #held: object[] = [];
  /** From the client's `initialize`: whose server this is. */
  #tag = '';
  #paused = false;
  alive = true;

  constructor(world: World, host: SimHost, events: ServerEvents) {
    this.#world = world;
    this.#host = host;
    this.#events = events;
    host.servers.add(this);
  }

  send(payload: Buffer): void {
    const message = JSON.parse(payload.toString());
    this.#later(this.#world.prng.between(0, 3), () => this.#take(message));
  }

  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    for (const message of this.#held.splice(0)) this.#say(message);
  }

  async close(): Promise<void> {
    await this.#host.process.clock.sleep(this.#world.prng.between(0, 50));
    this.#end();
  }

  /** It dies by itself. */
  die(): void {
    if (!this.alive) return;
    this.#end();
    this.#events.onExit('ended by SIGKILL');
  }

  #end(): void {
    this.alive = false;
    this.#host.servers.delete(this);
  }

  #take(message: { id?: string | number; method?: string; params?: Record<string, unknown> }): void {
    const { id, method, params = {} } = message;
    if (method === 'initialize') {
      this.#tag = (params.clientInfo as { name: string }).name;
      this.#say({ id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: {} } });
    } else if (method === 'tools/call') {
      void this.#run(
        id,
        params.arguments as unknown as Call,
        (params._meta as { progressToken: string }).progressToken,
      );
    }
  }

  async #run(id: unknown, { uid, tag, steps, everyMs }: Call, progressToken: string): Promise<void> {
    if (tag !== this.#tag) this.#world.violate(`a call of ${tag} came to the server of ${this.#tag}`);
    this.#world.ran(uid, this.#host.process);
    const { clock } = this.#host.process;
    for (let progress = 1; progress <= steps; progress++) {
      await clock.sleep(everyMs);
      if (!this.alive) return;
      this.#say({ method: 'notifications/progress', params: { progressToken, progress, uid } });
      if (this.#world.prng.chance(0.3)) this.#announce();
    }
    await clock.sleep(everyMs);
    if (this.alive) this.#say({ id, result: { uid, steps } });
  }

  /** Belongs to no request: numbered, so that one that is left out is noticed. */
  #announce(): void {
    const serial = this.#host.nextSerial(this.#tag);
    const params = { uri: `${this.#host.boot}/${serial}`, boot: this.#host.boot, serial };
    this.#say({ method: 'notifications/resources/updated', params });
  }

  #say(message: object): void {
    if (!this.alive) return;
    if (this.#paused) {
      this.#held.push(message);
      return;
    }
    const whole = { jsonrpc: '2.0', ...message } as RpcMessage;
    this.#events.onMessage(whole, Buffer.from(JSON.stringify(whole)));
  }

  #later(ms: number, task: () => void): void {
    this.#world.time.after(ms, () => this.alive && task(), this.#host.process);
  }
}
