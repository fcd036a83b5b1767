import type { PostKind } from '../core/channel.ts';
import { isRequest, type RequestId, type RpcMessage } from '../core/json-rpc.ts';
import type { Stream } from './channel-log.ts';

/** Notifications that concern no single request, whatever is running (2025-11-25, server/*, "List Changed Notification"). */
const UNRELATED = /^notifications\/(?:(?:tools|prompts|resources)\/list_changed|resources\/updated)$/;

/** The requests in which a server may have something to ask (2026-07-28, basic/patterns/mrtr, "Supported Requests"). */
const ASKING: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

export type RequestPost = PostKind & { type: 'request' };

/** What a request's stream was begun with. */
export const requestOf = ({ post }: Stream): RequestPost => post as RequestPost;

/** The requests that a channel's server has and has not answered, each with its stream, the one that goes on last behind. */
export class RunningRequests {
  readonly #streams = new Map<RequestId, Stream>();

  get size(): number {
    return this.#streams.size;
  }

  begin(id: RequestId, stream: Stream): void {
    this.#streams.set(id, stream);
  }

  get(id: RequestId): Stream | undefined {
    return this.#streams.get(id);
  }

  /** It does not run any more. Undefined: it did not. */
  end(id: RequestId): Stream | undefined {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    return stream;
  }

  /** None runs any more. */
  endAll(): [RequestId, Stream][] {
    const all = [...this.#streams];
    this.#streams.clear();
    return all;
  }

  /** What the server says next is most likely about this request, which has an answer of its client now. */
  goesOn(stream: Stream): void {
    const { id } = (stream.post ?? {}) as Partial<RequestPost>;
    if (id !== undefined && this.#streams.get(id) === stream && this.#streams.delete(id)) this.#streams.set(id, stream);
  }

  /**
   * The request that a server's notification or request belongs to; undefined: none. stdio does not say, so: progress goes where
   * its token came from, what concerns the lists belongs to none, and the rest to the request that began last, or went on last
   * with an answer of the client; a question to one in which servers do ask.
   * @param related the request that the server names itself
   */
  concernedBy(message: RpcMessage, related: RequestId | undefined): Stream | undefined {
    const told = related === undefined ? undefined : this.#streams.get(related);
    if (told) return told;
    const method = 'method' in message ? message.method : '';
    if (UNRELATED.test(method)) return undefined;
    if (method === 'notifications/progress') {
      const token = (message as { params?: { progressToken?: unknown } }).params?.progressToken;
      for (const stream of this.#streams.values()) if (requestOf(stream).progress === token) return stream;
    }
    const running = [...this.#streams.values()];
    const asking = isRequest(message) ? running.findLast((stream) => ASKING.has(requestOf(stream).method)) : undefined;
    return asking ?? running.at(-1);
  }
}
