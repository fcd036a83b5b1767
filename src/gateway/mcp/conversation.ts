import type { FollowMode } from '../../core/channel.ts';
import type { ConnectionRecord } from '../../core/connection.ts';
import type { RpcMessage } from '../../core/json-rpc.ts';
import type { RequestCursor, StandaloneCursor } from './event-id.ts';
import type { IncomingNotice, IncomingRequest } from './incoming.ts';
import type { Reply } from './reply.ts';
import type { StandaloneReply } from './standalone-stream.ts';

/** One connection: a client that talks to one server of its session (`/mcp/{server}`), or to all of them (`/mcp`). */
export interface Conversation {
  readonly record: ConnectionRecord;
  /** Name and version of whom the client talks to (`Implementation`); undefined: not known yet. */
  readonly serverInfo: object | undefined;
  /**
   * Opens the channels for the first time.
   * @returns the `initialize` result for the client
   * @throws AppError, or HostRefused `initialize-refused`
   */
  initialize(): Promise<object>;
  /** Passes a request on; its answer, and what belongs to it, goes to `reply`. */
  request(incoming: IncomingRequest, reply: Reply): void;
  /**
   * Passes a request on whose answer, and what belongs to it, goes to whoever listens. Resolves when it is on its way.
   * @throws AppError if nothing was done
   */
  post(incoming: IncomingRequest): Promise<void>;
  /** Has a message of this gateway's sent by whoever listens. @throws AppError if no host takes it */
  tell(message: RpcMessage): Promise<void>;
  /** Passes a notification or a response on; resolves when the host has it. @throws AppError */
  notify(incoming: IncomingNotice): Promise<void>;
  /**
   * Has a server give a request up, as the client would with `notifications/cancelled`.
   * @param unlessFollowed only if nobody, at no gateway, follows its stream
   * @throws AppError
   */
  cancel(request: RequestCursor, reason: string, unlessFollowed: boolean): Promise<void>;
  /** Goes on with a request's stream where the client left it. */
  resume(cursor: RequestCursor, reply: Reply): void;
  /**
   * Sends what belongs to no request, from behind `cursor`; without one, from behind what was sent before.
   * @param mode absent: in place of whoever listened before
   */
  listen(cursor: StandaloneCursor | undefined, reply: StandaloneReply, mode?: FollowMode): void;
  /** The session's record has changed: servers may have come or gone. */
  changed(): void;
  /**
   * Closes the channels, as far as they can be reached.
   * @param over the client has ended the connection, whose id nobody has again
   */
  close(over?: boolean): Promise<void>;
  /** This gateway ends: servers whose links are lost are looked for no more. What runs goes on running. */
  abandon(): void;
}
