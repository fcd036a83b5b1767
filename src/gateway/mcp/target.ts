import type { ConnectionRecord } from '../../core/connection.ts';
import type { HostLink } from '../../core/host-link.ts';
import type { ConnectionId, ServerName } from '../../core/ids.ts';
import type { SessionRecord } from '../../core/session.ts';

/** What a server said of itself in `initialize`. */
export interface ServerFacts {
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly instructions?: string;
  /** Name and version, as the server says (`Implementation`). */
  readonly serverInfo?: object;
}

/** One server of one connection, as this gateway sees it: where its channel is. All of it can be found again. */
export interface Target {
  readonly session: Pick<SessionRecord, 'id' | 'nonce'>;
  readonly server: ServerName;
  /** The channel's id. */
  readonly connection: ConnectionId;
  /** The connection's record: the host keeps it, in case the store loses it. */
  readonly record: ConnectionRecord;
  /** The client's `initialize` parameters, JSON. */
  readonly initialize: string;
  /** The client was told of a server's initialization before: whichever runs now is to be initialized without it. */
  resume: boolean;
  /** The link over which the channel was last seen open. */
  link: HostLink | undefined;
  facts: ServerFacts | undefined;
  /** The connection is over: nobody is to open the channel again. */
  closed: boolean;
  /** Under way: finding the instance, linking, opening. */
  reaching: Promise<Reached> | undefined;
}

export interface Reached {
  readonly link: HostLink;
  /** The server's `initialize` result, JSON. */
  readonly result: Buffer;
}
