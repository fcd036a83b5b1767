import type { Duplex } from 'node:stream';
import { type FollowMode, type GatewayFrame, type HostFrame, MAX_MESSAGE } from '../core/channel.ts';
import { FrameDecoder, FrameWriter } from '../core/frame.ts';
import { type HostLink, HostRefused, type Leave, LinkLost, type Post, type Subscriber } from '../core/host-link.ts';
import type { GatewayMeter } from '../core/meter.ts';
import { Pulse } from '../core/pulse.ts';

/** What awaits the frames that carry its number. */
interface Waiter extends Subscriber {
  opened?(result: Buffer): void;
}

/** A link over one upgraded connection. */
export class SocketLink implements HostLink {
  readonly boot: string;
  readonly #socket: Duplex;
  readonly #writer: FrameWriter;
  readonly #waiters = new Map<number, Waiter>();
  readonly #pulse: Pulse;
  #n = 0;
  #lost: LinkLost | undefined;
  /** It was ended from here. */
  #isDone = false;

  private constructor(socket: Duplex, boot: string) {
    this.#socket = socket;
    this.#writer = new FrameWriter(socket);
    this.boot = boot;
    this.#pulse = new Pulse(
      () => this.#send({ t: 'beat' }),
      () => socket.destroy(),
    );
  }

  /** Resolves when the host has said hello. @throws LinkLost */
  static async over(
    socket: Duplex,
    head: Buffer,
    meter: Pick<GatewayMeter, 'linkUp' | 'linkDown'>,
  ): Promise<SocketLink> {
    return new Promise((resolve, reject) => {
      const decoder = new FrameDecoder(MAX_MESSAGE);
      let link: SocketLink | undefined;
      const onFrame = (frame: HostFrame, payload: Buffer): void => {
        if (link) link.#receive(frame, payload);
        else if (frame.t === 'hello') {
          link = new SocketLink(socket, frame.boot);
          meter.linkUp();
          resolve(link);
        } else socket.destroy();
      };
      const onData = (chunk: Buffer): void => {
        if (link) link.#pulse.heard();
        try {
          decoder.push(chunk, onFrame);
        } catch (error) {
          socket.destroy(error as Error);
        }
      };
      socket.on('data', onData);
      socket.on('error', () => {});
      socket.once('close', () => {
        const lost = new LinkLost('The link to the host was lost');
        reject(lost);
        if (!link) return;
        meter.linkDown(link.#inUse);
        link.#close(lost);
      });
      if (head.length > 0) onData(head);
    });
  }

  /** Somebody waits for what it carries, and neither side has said that it ends. */
  get #inUse(): boolean {
    return this.#waiters.size > 0 && !this.#lost && !this.#isDone;
  }

  get lost(): boolean {
    return this.#lost !== undefined;
  }

  open(channel: string, initialize: string, resume: boolean, memo?: object): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { opened: resolve, entry: () => {}, end: () => {}, failed: reject };
      const more = { ...(resume ? { resume } : {}), ...(memo ? { memo } : {}) };
      this.#begin((n) => ({ t: 'open', n, c: channel, ...more }), initialize, waiter);
    });
  }

  recall(channel: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { opened: resolve, entry: () => {}, end: () => {}, failed: reject };
      this.#begin((n) => ({ t: 'recall', n, c: channel }), undefined, waiter);
    });
  }

  post(channel: string, { key, kind, payload, out, timed }: Post, subscriber: Subscriber): Leave {
    const more = { ...(out ? { out } : {}), ...(timed ? { timed } : {}) };
    return this.#begin((n) => ({ t: 'post', n, c: channel, key, kind, ...more }), payload, subscriber);
  }

  follow(channel: string, stream: string, from: number | undefined, subscriber: Subscriber, mode?: FollowMode): Leave {
    const more = { ...(from === undefined ? {} : { from }), ...(mode ? { mode } : {}) };
    return this.#begin((n) => ({ t: 'follow', n, c: channel, stream, ...more }), undefined, subscriber);
  }

  close(channel: string, over = false): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#begin((n) => ({ t: 'close', n, c: channel, ...(over ? { over } : {}) }), undefined, {
        entry: () => {},
        end: () => resolve(),
        failed: reject,
      });
    });
  }

  destroy(): void {
    this.#isDone = true;
    this.#socket.destroy();
  }

  #begin(frame: (n: number) => GatewayFrame, payload: Buffer | string | undefined, waiter: Waiter): Leave {
    if (this.#lost) {
      const lost = this.#lost;
      queueMicrotask(() => waiter.failed(lost));
      return () => {};
    }
    const n = ++this.#n;
    this.#waiters.set(n, waiter);
    this.#send(frame(n), payload);
    return () => {
      if (this.#waiters.delete(n) && !this.#lost) this.#send({ t: 'leave', n });
    };
  }

  #send(frame: GatewayFrame, payload?: Buffer | string): void {
    this.#writer.write(frame, payload);
  }

  #receive(frame: HostFrame, payload: Buffer): void {
    if (frame.t === 'beat') this.#pulse.beaten();
    if (frame.t === 'hello' || frame.t === 'beat') return;
    if (frame.t === 'bye') {
      this.#lost = new LinkLost('The host is being ended because nobody used it');
      this.#pulse[Symbol.dispose]();
      this.#socket.end(); // behind what was sent before
      return;
    }
    const waiter = this.#waiters.get(frame.n);
    if (!waiter) return; // it left
    if (frame.t === 'entry') {
      if (frame.last) this.#waiters.delete(frame.n);
      const has = waiter.entry(frame.o, payload, frame.last === true, frame.own === true, frame.ran);
      if (has === true && !this.#lost) this.#send({ t: 'seen', n: frame.n, o: frame.o });
      return;
    }
    this.#waiters.delete(frame.n);
    if (frame.t === 'opened') waiter.opened?.(payload);
    else if (frame.t === 'end') waiter.end(frame.why);
    else waiter.failed(new HostRefused(frame.code, frame.message, frame.data as Record<string, unknown> | undefined));
  }

  #close(lost: LinkLost): void {
    this.#lost = lost;
    this.#pulse[Symbol.dispose]();
    const waiters = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.failed(lost);
  }
}
