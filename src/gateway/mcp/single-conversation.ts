import type { FollowMode } from '../../core/channel.ts';
import type { Clock } from '../../core/clock.ts';
import type { ConnectionRecord } from '../../core/connection.ts';
import type { ServerName } from '../../core/ids.ts';
import { type RpcMessage, rpcError } from '../../core/json-rpc.ts';
import type { SessionRecord } from '../../core/session.ts';
import type { Conversation } from './conversation.ts';
import type { RequestCursor, StandaloneCursor } from './event-id.ts';
import type { IncomingNotice, IncomingRequest } from './incoming.ts';
import { postCancellation, postNotice } from './notice.ts';
import { postOut, tell, tellOutcome } from './out.ts';
import type { Reach } from './reach.ts';
import type { Reply } from './reply.ts';
import { RequestStream } from './request-stream.ts';
import { type StandaloneReply, StandaloneStream } from './standalone-stream.ts';
import type { Target } from './target.ts';

export interface ConversationOptions {
  readonly reach: Reach;
  readonly clock: Clock;
}

/** A target that was not reached yet. `resume`: the client was initialized before. */
export function newTarget(
  session: Pick<SessionRecord, 'id' | 'nonce'>,
  record: ConnectionRecord,
  server: ServerName,
  resume: boolean,
): Target {
  return {
    session: { id: session.id, nonce: session.nonce },
    server,
    connection: record.id,
    record,
    initialize: JSON.stringify({ ...record.initialize, protocolVersion: record.protocolVersion }),
    resume,
    link: undefined,
    facts: undefined,
    closed: false,
    reaching: undefined,
  };
}

/** A client that talks to one server: what either says goes to the other as it is. */
export class SingleConversation implements Conversation {
  readonly record: ConnectionRecord;
  readonly #options: ConversationOptions;
  readonly #target: Target;

  constructor(options: ConversationOptions, record: ConnectionRecord, target: Target) {
    this.#options = options;
    this.record = record;
    this.#target = target;
  }

  get serverInfo(): object | undefined {
    return this.#target.facts?.serverInfo;
  }

  async initialize(): Promise<object> {
    const { result } = await this.#options.reach.held(this.#target);
    // The version is a matter between this gateway and the client.
    return { ...(JSON.parse(result.toString()) as object), protocolVersion: this.record.protocolVersion };
  }

  request(incoming: IncomingRequest, reply: Reply): void {
    new RequestStream(this.#options.reach, this.#target, reply).post(incoming, this.record.protocolVersion);
  }

  async post(incoming: IncomingRequest): Promise<void> {
    const { id } = incoming.message;
    const { reach, clock } = this.#options;
    await postOut(reach, this.#target, incoming, (error) => {
      void tellOutcome(clock, () => this.tell(rpcError(id, error.rpcCode, error.message, error.data)));
    });
  }

  async tell(message: RpcMessage): Promise<void> {
    await tell(this.#options.reach, this.#target, message);
  }

  async notify(incoming: IncomingNotice): Promise<void> {
    await postNotice(this.#options.reach, this.#target, incoming);
  }

  async cancel(request: RequestCursor, reason: string, unlessFollowed: boolean): Promise<void> {
    await postCancellation(this.#options.reach, this.#target, request.request, reason, unlessFollowed);
  }

  resume(cursor: RequestCursor, reply: Reply): void {
    new RequestStream(this.#options.reach, this.#target, reply).resume(cursor);
  }

  listen(cursor: StandaloneCursor | undefined, reply: StandaloneReply, mode?: FollowMode): void {
    const { reach, clock } = this.#options;
    new StandaloneStream(reach, reply, clock, cursor?.offsets, mode).add(this.#target);
  }

  changed(): void {} // its one server is found wherever it is

  async close(over?: boolean): Promise<void> {
    await this.#options.reach.close(this.#target, over);
  }

  abandon(): void {
    this.#target.closed = true;
  }
}
