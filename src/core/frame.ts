import type { Writable } from 'node:stream';

/**
 * Frames of the channel protocol: two unsigned 32-bit big-endian lengths (head, payload), the head as JSON, the payload as
 * the bytes that somebody else wrote. Heads are small; a payload is never parsed here.
 */
const LENGTHS = 8;
const EMPTY = Buffer.alloc(0);

/** A head larger than this is a broken peer. */
const MAX_HEAD = 1 << 20;

export function encodeFrame(head: object, payload: Uint8Array | string = EMPTY): Buffer {
  const json = JSON.stringify(head);
  const headLength = Buffer.byteLength(json);
  const payloadLength = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
  const frame = Buffer.allocUnsafe(LENGTHS + headLength + payloadLength);
  frame.writeUInt32BE(headLength, 0);
  frame.writeUInt32BE(payloadLength, 4);
  frame.write(json, LENGTHS);
  if (typeof payload === 'string') frame.write(payload, LENGTHS + headLength);
  else frame.set(payload, LENGTHS + headLength);
  return frame;
}

/** Writes frames to a stream; those of one turn of the event loop go out together. */
export class FrameWriter {
  readonly #stream: Writable;
  #corked = false;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  write(head: object, payload?: Uint8Array | string): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#stream.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#stream.uncork();
      });
    }
    this.#stream.write(encodeFrame(head, payload));
  }
}

/** Cuts a byte stream into frames. */
export class FrameDecoder {
  readonly #maxPayload: number;
  #chunks: Buffer[] = [];
  #length = 0;
  #needed = LENGTHS;

  /** @param maxPayload a larger payload makes `push` throw a RangeError, bytes */
  constructor(maxPayload: number) {
    this.#maxPayload = maxPayload;
  }

  /** Feeds bytes in; calls `onFrame` for each frame that is complete. The payload is valid as long as its bytes are kept. */
  push(chunk: Buffer, onFrame: (head: never, payload: Buffer) => void): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return;
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    for (;;) {
      this.#needed = this.#sizeOf(rest);
      if (rest.length < this.#needed || rest.length < LENGTHS) break;
      const headEnd = LENGTHS + rest.readUInt32BE(0);
      const head = JSON.parse(rest.toString('utf8', LENGTHS, headEnd)) as never;
      const payload = rest.subarray(headEnd, this.#needed);
      rest = rest.subarray(this.#needed);
      onFrame(head, payload);
    }
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
  }

  /** Bytes of the frame at the start of `bytes`, as far as its lengths are there. */
  #sizeOf(bytes: Buffer): number {
    if (bytes.length < LENGTHS) return LENGTHS;
    const head = bytes.readUInt32BE(0);
    const payload = bytes.readUInt32BE(4);
    if (head > MAX_HEAD || payload > this.#maxPayload)
      throw new RangeError(`frame too large: ${head} + ${payload} bytes`);
    return LENGTHS + head + payload;
  }
}
