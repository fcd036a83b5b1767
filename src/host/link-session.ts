import type { Duplex } from 'node:stream';
import { type EndReason, type GatewayFrame, type HostFrame, MAX_MESSAGE } from '../core/channel.ts';
import { messageOf } from '../core/errors.ts';
import { FrameDecoder, FrameWriter } from '../core/frame.ts';
import { streamOf } from '../core/ids.ts';
import { Pulse } from '../core/pulse.ts';
import type { Channel } from './channel.ts';
import { type Follower, Refusal, type Stream } from './channel-log.ts';
import type { Channels } from './channels.ts';

/** Bytes waiting to be sent to one gateway above which servers are slowed down. */
const CONGESTED = 4 << 20;

/** One gateway's link to this host: its frames in, the host's frames out (core/channel.ts). */
export class LinkSession {
  readonly #socket: Duplex;
  readonly #writer: FrameWriter;
  readonly #channels: Channels;
  readonly #following = new Map<number, { channel: Channel; stream: Stream; follower: Follower }>();
  readonly #resumes = new Set<() => void>();
  readonly #pulse: Pulse;

  constructor(socket: Duplex, channels: Channels, boot: string) {
    this.#socket = socket;
    this.#writer = new FrameWriter(socket);
    this.#channels = channels;
    const decoder = new FrameDecoder(MAX_MESSAGE);
    socket.on('data', (chunk: Buffer) => {
      this.#pulse.heard();
      try {
        decoder.push(chunk, (frame: GatewayFrame, payload) => this.#receive(frame, payload));
      } catch {
        socket.destroy(); // no frame of ours: nothing behind it can be read
      }
    });
    this.#send({ t: 'hello', boot });
    // One that hangs follows nothing any more: its clients are elsewhere.
    this.#pulse = new Pulse(
      () => this.#send({ t: 'beat' }),
      () => socket.destroy(),
    );
    socket.on('drain', () => this.#resume());
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => this.#closed());
  }

  /** The host takes no more work: the gateway is to end the link. */
  bye(): void {
    this.#send({ t: 'bye' });
  }

  #closed(): void {
    this.#pulse[Symbol.dispose]();
    for (const { channel, stream, follower } of this.#following.values()) channel.log.leave(stream, follower);
    this.#following.clear();
    this.#resume();
  }

  #resume(): void {
    for (const resume of this.#resumes) resume();
    this.#resumes.clear();
  }

  #send(frame: HostFrame, payload?: Buffer): void {
    if (this.#socket.destroyed) return;
    this.#writer.write(frame, payload);
  }

  #refuse(n: number, error: unknown): void {
    if (error instanceof Refusal) {
      const data = error.data === undefined ? {} : { data: error.data };
      this.#send({ t: 'refused', n, code: error.code, message: error.message, ...data });
    } else this.#send({ t: 'refused', n, code: 'server-failed', message: messageOf(error) });
  }

  #receive(frame: GatewayFrame, payload: Buffer): void {
    if (frame.t === 'beat') {
      this.#pulse.beaten();
      return;
    }
    const { n } = frame;
    try {
      switch (frame.t) {
        case 'open':
          this.#channels.open(frame.c, payload, frame.resume === true, frame.memo).then(
            (result) => this.#send({ t: 'opened', n }, result),
            (error: unknown) => this.#refuse(n, error),
          );
          return;
        case 'recall':
          this.#send({ t: 'opened', n }, Buffer.from(JSON.stringify(this.#channels.get(frame.c).memo ?? null)));
          return;
        case 'post': {
          this.#channels.checkRetired(frame.c, streamOf(frame.key));
          const channel = this.#channels.get(frame.c);
          const follower = this.#follower(n, frame.timed);
          const stream = channel.post(streamOf(frame.key), frame.kind, payload, follower, frame.out);
          this.#follow(n, channel, follower, stream);
          return;
        }
        case 'follow': {
          this.#channels.checkRetired(frame.c, frame.stream);
          const channel = this.#channels.get(frame.c);
          const follower = this.#follower(n);
          const stream = channel.log.follow(frame.stream, frame.from, follower, frame.mode);
          this.#follow(n, channel, follower, stream);
          return;
        }
        case 'seen': {
          const following = this.#following.get(n);
          following?.channel.log.seen(following.stream, following.follower, frame.o);
          return;
        }
        case 'leave':
          this.#leave(n);
          return;
        case 'close':
          this.#channels.close(frame.c, frame.over).then(
            () => this.#send({ t: 'end', n, why: 'done' }),
            (error: unknown) => this.#refuse(n, error),
          );
      }
    } catch (error) {
      this.#refuse(n, error);
    }
  }

  /** Notes a follower that still follows after what there was to hand over at once. */
  #follow(n: number, channel: Channel, follower: Follower, stream: Stream): void {
    if (channel.log.follows(stream, follower)) this.#following.set(n, { channel, stream, follower });
  }

  #leave(n: number): void {
    const following = this.#following.get(n);
    this.#following.delete(n);
    following?.channel.log.leave(following.stream, following.follower);
  }

  #follower(n: number, timed?: true): Follower {
    const socket = this.#socket;
    return {
      entry: (o, payload, last, own, ran) => {
        if (last) this.#following.delete(n);
        const more = { ...(last ? { last } : {}), ...(own ? { own } : {}), ...(timed && ran ? { ran } : {}) };
        this.#send({ t: 'entry', n, o, ...more }, payload);
      },
      end: (why: EndReason) => {
        this.#following.delete(n);
        this.#send({ t: 'end', n, why });
      },
      get congested() {
        return socket.writableLength > CONGESTED && !socket.destroyed;
      },
      onDrain: (resume) => void this.#resumes.add(resume),
    };
  }
}
