import { ERRORS } from '../core/errors.ts';
import { type RequestId, type RpcMessage, type RpcRequest, rpcError } from '../core/json-rpc.ts';
import type { Stream } from './channel-log.ts';

/** The requests that a channel's server makes itself and that its client has not answered, each with the stream that it is on. */
export class Questions {
  readonly #clientRoots: boolean;
  readonly #open = new Map<RequestId, { readonly stream: Stream; readonly at: number }>();

  /** @param clientRoots the client is asked for its roots */
  constructor(clientRoots: boolean) {
    this.#clientRoots = clientRoots;
  }

  get size(): number {
    return this.#open.size;
  }

  /** What the host itself answers; undefined: the client is to answer it. */
  ownAnswer({ id, method }: RpcRequest): RpcMessage | undefined {
    if (method === 'ping') return { jsonrpc: '2.0', id, result: {} };
    if (method === 'roots/list' && !this.#clientRoots)
      return rpcError(id, ERRORS['method.unknown'].rpc, 'No roots here');
    return undefined;
  }

  /** @param at when, milliseconds since the epoch */
  ask(id: RequestId, stream: Stream, at: number): void {
    this.#open.set(id, { stream, at });
  }

  /** It is answered, or withdrawn: the stream that it was on. Undefined: it was not asked. */
  end(id: RequestId): Stream | undefined {
    const stream = this.#open.get(id)?.stream;
    this.#open.delete(id);
    return stream;
  }

  endAll(): void {
    this.#open.clear();
  }

  /**
   * Ends those whose client has been gone since before `since`, milliseconds since the epoch.
   * @param carrierOf where the client hears what is on a stream
   * @returns the answers in its place
   */
  giveUp(since: number, carrierOf: (stream: Stream) => Stream): RpcMessage[] {
    const answers: RpcMessage[] = [];
    for (const [id, { stream, at }] of this.#open) {
      const { follower, leftAt } = carrierOf(stream);
      if (follower || Math.max(at, leftAt) > since) continue;
      this.#open.delete(id);
      answers.push(rpcError(id, ERRORS['upstream.failed'].rpc, 'The client has gone, and did not answer'));
    }
    return answers;
  }
}
