import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

export interface HttpRequest {
  readonly method: 'POST' | 'GET';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Who gets the answer. After `over` nothing comes. */
export interface Peer {
  head(status: number, headers: Readonly<Record<string, unknown>>): void;
  data(text: string): void;
  /** `lost`: the connection broke before the end. */
  over(how: 'end' | 'lost'): void;
}

/** One HTTP exchange between the balancer, or a client, and a gateway: what is sent arrives in order, or the connection breaks. */
export class Exchange {
  readonly #world: World;
  readonly #gateway: SimProcess;
  #peer: Peer | undefined;
  #arrives = 0;
  readonly response: SimResponse;

  constructor(world: World, gateway: SimProcess, request: HttpRequest, peer: Peer) {
    this.#world = world;
    this.#gateway = gateway;
    this.#peer = peer;
    const req = Object.assign(new Readable({ read() {} }), {
      method: request.method,
      url: '/mcp/counter',
      headers: { host: 'localhost', ...request.headers },
    }) as unknown as IncomingMessage & Readable;
    this.response = new SimResponse(this, req, world, gateway);
    gateway.onEnd(() => this.#later((to) => to.over('lost'), true));
    const arrive = () => {
      req.push(request.body ?? '');
      req.push(null);
      world.endpointOf(gateway).handle(req, this.response as unknown as ServerResponse);
    };
    world.time.after(world.prng.between(0, world.faults.slow), arrive, gateway);
  }

  /** Called by the gateway's side; each may break the connection instead. */
  send(tell: (peer: Peer) => void, last: boolean): void {
    const { prng, faults } = this.#world;
    if (prng.chance(faults.cut)) this.#break();
    else this.#later(tell, last);
  }

  /** The client, or the balancer, goes: the gateway hears of it after `ms` milliseconds. */
  leave(ms: number): void {
    this.#peer = undefined;
    this.#world.time.after(ms, () => this.response.destroy(), this.#gateway);
  }

  #break(): void {
    const { time, prng } = this.#world;
    this.#later((to) => to.over('lost'), true);
    time.after(prng.between(0, 2000), () => this.response.destroy(), this.#gateway);
  }

  #later(tell: (peer: Peer) => void, last: boolean): void {
    const { time, prng, faults } = this.#world;
    this.#arrives = Math.max(this.#arrives, time.now + prng.between(0, faults.slow));
    time.after(this.#arrives - time.now, () => {
      const peer = this.#peer;
      if (last) this.#peer = undefined;
      if (peer) tell(peer);
    });
  }
}

/** The part of `ServerResponse` that a gateway uses. */
class SimResponse extends EventEmitter {
  readonly req: IncomingMessage;
  readonly #exchange: Exchange;
  readonly #world: World;
  readonly #gateway: SimProcess;
  destroyed = false;
  closed = false;
  writableEnded = false;
  writableLength = 0;

  constructor(exchange: Exchange, req: IncomingMessage, world: World, gateway: SimProcess) {
    super();
    this.req = req;
    this.#exchange = exchange;
    this.#world = world;
    this.#gateway = gateway;
  }

  get writableNeedDrain(): boolean {
    return this.writableLength > 0;
  }

  writeHead(status: number, headers: Record<string, unknown>): this {
    this.#exchange.send((peer) => peer.head(status, headers), false);
    return this;
  }

  write(chunk: Buffer | string): boolean {
    if (this.destroyed || this.writableEnded) throw new Error('write after end');
    const text = chunk.toString();
    this.#exchange.send((peer) => peer.data(text), false);
    if (!this.writableNeedDrain && this.#world.prng.chance(this.#world.faults.congested)) this.#congest();
    return !this.writableNeedDrain;
  }

  end(body?: Buffer | string): this {
    if (body !== undefined) this.write(body);
    this.writableEnded = true;
    this.#exchange.send((peer) => peer.over('end'), true);
    queueMicrotask(() => this.#close());
    return this;
  }

  destroy(): void {
    this.destroyed = true;
    this.#close();
  }

  /** The client reads slowly for a while. */
  #congest(): void {
    this.writableLength = 2 << 20;
    const drain = () => {
      this.writableLength = 0;
      if (!this.closed) this.emit('drain');
    };
    this.#world.time.after(this.#world.prng.between(10, 2000), drain, this.#gateway);
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.emit('close');
  }
}
