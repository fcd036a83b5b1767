import type { AppError } from '../../src/core/errors.ts';
import type { RequestId } from '../../src/core/json-rpc.ts';
import type { Reply } from '../../src/gateway/mcp/reply.ts';

/** Writes down what is answered. */
export class FakeReply implements Reply {
  primer: (() => string) | undefined;
  congested = false;
  closed = false;
  /** `{message}` or `{message} #{event id}`; `!` after the last, `<end>`, `<{error code} {request id}>`. */
  readonly said: string[] = [];
  readonly closers: (() => void)[] = [];
  readonly #drains: (() => void)[] = [];

  onClose(callback: () => void): void {
    if (this.closed) callback();
    else this.closers.push(callback);
  }
  onDrain(callback: () => void): void {
    this.#drains.push(callback);
  }
  startTimer(): void {}
  posted(): void {}
  stream(): void {}
  accept(status: number): void {
    this.said.push(`<${status}>`);
  }
  send(payload: Buffer, id: (() => string) | undefined, last: boolean): void {
    this.said.push(`${payload}${id ? ` #${id()}` : ''}${last ? '!' : ''}`);
  }
  json(_status: number, body: Buffer | string): void {
    this.said.push(`${body}!`);
  }
  end(): void {
    this.said.push('<end>');
  }
  fail(error: AppError, id: RequestId | null): void {
    this.said.push(`<${error.code} ${id}>`);
  }

  /** The client reads again. */
  drain(): void {
    this.congested = false;
    for (const drained of this.#drains.splice(0)) drained();
  }
  /** The client goes. */
  close(): void {
    this.closed = true;
    for (const closed of this.closers.splice(0)) closed();
  }
}
