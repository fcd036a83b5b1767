import type { ConnectionRecord } from '../../core/connection.ts';
import type { RequestCursor, StandaloneCursor } from './event-id.ts';
import type { IncomingNotice, IncomingRequest } from './incoming.ts';
import type { Reply } from './reply.ts';

/** One connection: a client that talks to one server of its session (`/mcp/{server}`), or to all of them (`/mcp`). */
export interface Conversation {
  readonly record: ConnectionRecord;
  /**
   * Opens the channels for the first time.
   * @returns the `initialize` result for the client
   * @throws AppError, or HostRefused `initialize-refused`
   */
  initialize(): Promise<object>;
  /** Passes a request on; its answer, and what belongs to it, goes to `reply`. */
  request(incoming: IncomingRequest, reply: Reply): void;
  /** Passes a notification or a response on; resolves when the host has it. @throws AppError */
  notify(incoming: IncomingNotice): Promise<void>;
  /** Goes on with a request's stream where the client left it. */
  resume(cursor: RequestCursor, reply: Reply): void;
  /** Sends what belongs to no request, from behind `cursor`; without one, from behind what was sent before. */
  listen(cursor: StandaloneCursor | undefined, reply: Reply): void;
  /** The session's record has changed: servers may have come or gone. */
  changed(): void;
  /** Closes the channels, as far as they can be reached. */
  close(): Promise<void>;
}
