import type { Reply } from '../reply.ts';
import type { StandaloneReply } from '../standalone-stream.ts';

/** Sends one event: its data, and where the client is with it; undefined: where it was. */
export type SendMessage = (payload: Buffer, place: string | undefined) => void;

/** One following of a connection's messages. Its end is not that of the client's stream: others may come after it. */
export class Listening implements StandaloneReply {
  readonly #reply: Reply;
  readonly #send: SendMessage;
  readonly #onEnd: () => void;
  readonly #closers: (() => void)[] = [];
  #over = false;

  /** @param onEnd called once: nothing more comes, or the client has gone */
  constructor(reply: Reply, send: SendMessage, onEnd: () => void) {
    this.#reply = reply;
    this.#send = send;
    this.#onEnd = onEnd;
    reply.onClose(() => this.end());
  }

  get closed(): boolean {
    return this.#over || this.#reply.closed;
  }
  get congested(): boolean {
    return this.#reply.congested;
  }

  onClose(callback: () => void): void {
    if (this.#over) callback();
    else this.#closers.push(callback);
  }

  onDrain(callback: () => void): void {
    this.#reply.onDrain(callback);
  }

  stream(): void {
    this.#reply.stream();
  }

  send(payload: Buffer, id: (() => string) | undefined): void {
    if (!this.#over) this.#send(payload, id?.());
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const closed of this.#closers) closed();
    this.#onEnd();
  }
}
