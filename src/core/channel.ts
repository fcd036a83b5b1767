import type { LogSetting } from './host-logs.ts';
import type { RequestId } from './json-rpc.ts';
import type { ResourceUsage } from './runtime.ts';
import type { Endpoint } from './session.ts';

/**
 * The channel protocol, between gateways and a host (D2, D3). A channel is one MCP conversation with one server; its id is
 * the connection's. Everything the server says is appended to the channel's log and gets an offset; a request's answer and
 * all that belongs to it make a *stream*, named after the request's idempotency key; what belongs to no request is on the
 * standalone stream. So any gateway can go on where another stopped.
 *
 * It runs over one HTTP/1.1 connection that was upgraded (`GET /link`, `Upgrade: mcp-channels/1`, bearer secret), in
 * frames (core/frame.ts): a small JSON head and a payload, which is one JSON-RPC message as the other side wrote it.
 * `n` numbers a gateway's request within the link; every frame that answers it carries the same `n`.
 */
export const CHANNEL_PROTOCOL = 'mcp-channels/1';

/** No message is larger, bytes: a server that writes one is ended, a client's is refused, a link that carries one is cut. */
export const MAX_MESSAGE = 64 << 20;

/** Name of the stream for what belongs to no request (the GET stream of Streamable HTTP). */
export const STANDALONE = '';

/** What a posted JSON-RPC message is, so that a host need not parse it again. */
export type PostKind = {
  /** Of what the client sent with the key: with anything else it is used for another message. Absent: the key is a gateway's. */
  readonly digest?: string;
} & (
  | { readonly type: 'request'; readonly id: RequestId; readonly method: string; readonly progress?: RequestId }
  /** `cancels`: a request that is not wanted any more; with `unlessFollowed` only if nobody follows its stream. */
  | {
      readonly type: 'notification';
      readonly method: string;
      readonly cancels?: RequestId;
      readonly unlessFollowed?: true;
    }
  | { readonly type: 'response'; readonly id: RequestId }
  /** A message of the gateway's to its client: it goes to the standalone stream, and the server never sees it. */
  | { readonly type: 'own' }
);

/**
 * How a stream is followed. Without a mode a new follower replaces the one before: a message goes to one.
 * - `free`: only if nobody follows it, or who does has not taken what it was given for long; else refused with `followed`
 * - `share`: beside others, from now on; for the standalone stream alone
 */
export type FollowMode = 'free' | 'share';

/** Either side says this every few seconds, so that the other can tell that it still works (core/pulse.ts). */
export interface BeatFrame {
  readonly t: 'beat';
}

/** From gateway to host. */
export type GatewayFrame =
  | BeatFrame
  /**
   * Opens a channel; payload: the client's `initialize` parameters. If the host holds the channel it is left as it is.
   * With `resume` the host also sends `notifications/initialized`. `memo` is kept with the channel, for `recall`.
   * Answered by `opened` or `refused`.
   */
  | { readonly t: 'open'; readonly n: number; readonly c: string; readonly resume?: true; readonly memo?: object }
  /** Answered by `opened` with the channel's memo (payload, JSON), or `refused`. */
  | { readonly t: 'recall'; readonly n: number; readonly c: string }
  /**
   * Posts one message (payload) under an idempotency key; a key that was seen is attached to, never run again. A request is
   * answered by its stream's entries and `end`; anything else by `end`. Or by `refused`. With `out` whatever belongs to a
   * request goes to the standalone stream, its answer included, and `n` gets `end` when it was answered. With `timed` the
   * answer says when it ran.
   */
  | {
      readonly t: 'post';
      readonly n: number;
      readonly c: string;
      readonly key: string;
      readonly kind: PostKind;
      readonly out?: true;
      readonly timed?: true;
    }
  /**
   * Follows a stream from behind offset `from`; absent: from behind what a client has had of it before. Answered by entries
   * and `end`, or `refused`.
   */
  | {
      readonly t: 'follow';
      readonly n: number;
      readonly c: string;
      readonly stream: string;
      readonly from?: number;
      readonly mode?: FollowMode;
    }
  /** The client of `n`, which follows the standalone stream, has what came up to offset `o`. No answer. */
  | { readonly t: 'seen'; readonly n: number; readonly o: number }
  /** Stops what `n` began. No answer. */
  | { readonly t: 'leave'; readonly n: number }
  /** Ends the channel and its server. `over`: its client has ended it, and nobody has its id again. Answered by `end`. */
  | { readonly t: 'close'; readonly n: number; readonly c: string; readonly over?: true };

/** From host to gateway. */
export type HostFrame =
  | BeatFrame
  /** First frame of a link. `boot` is new with each start of the host: with it, all channels and keys are. */
  | { readonly t: 'hello'; readonly boot: string }
  /**
   * The host is about to be ended because nobody used it. The gateway sends nothing more and ends its side of the connection;
   * what it sent before is refused with `retired`. So nothing is on its way when the host ends.
   */
  | { readonly t: 'bye' }
  /** Payload: the server's `initialize` result, or for `recall` the memo. */
  | { readonly t: 'opened'; readonly n: number }
  /** One message of the server (payload). `last`: it is the answer, and the stream is complete. `own`: it is a gateway's. */
  | {
      readonly t: 'entry';
      readonly n: number;
      readonly o: number;
      readonly last?: true;
      readonly own?: true;
      readonly ran?: Ran;
    }
  /** Nothing more comes for `n`. */
  | { readonly t: 'end'; readonly n: number; readonly why: EndReason }
  /** `n` could not be done. */
  | {
      readonly t: 'refused';
      readonly n: number;
      readonly code: RefusalCode;
      readonly message: string;
      readonly data?: object;
    };

/** When a host took a request, and when it had the answer to it: milliseconds since the epoch, by its clock. */
export type Ran = readonly [from: number, to: number];

export type EndReason =
  /** It is complete. */
  | 'done'
  /** Somebody else follows the stream now. */
  | 'replaced'
  /** The channel was closed. */
  | 'closed';

export type RefusalCode =
  /** The host does not hold this channel. */
  | 'no-channel'
  /** The channel's client has ended it. */
  | 'channel-over'
  /** No such stream, or it is no longer kept. */
  | 'no-stream'
  /** Somebody else follows the stream. */
  | 'followed'
  /** The log no longer reaches back to `from`; data: `{ id?: RequestId }` of the request, if it is a request's stream. */
  | 'gap'
  /** The key was used with another message. */
  | 'key-reused'
  /** The server cannot be started or does not answer `initialize`; data: `{ stderr?: string, retryAfter?: number }`. */
  | 'server-failed'
  /** The server answered `initialize` with this error; data: the JSON-RPC error object. */
  | 'initialize-refused'
  /** The host is about to be ended because nobody used it. The message was not looked at, and will not be. */
  | 'retired';

/** What a host is told once, over its socket, before it serves. Secrets are in here and nowhere else (D9). */
export interface HostAssignment {
  readonly session: string;
  readonly server: string;
  readonly launch: Launch;
  /** Values of the variables that the server may use, secrets among them. */
  readonly variables: Readonly<Record<string, string>>;
  /** Files to be put into the configuration directory where they are not there yet: name -> content. */
  readonly files: Readonly<Record<string, string>>;
  readonly workspace: string;
  /** When the host ends by itself, milliseconds since the epoch. */
  readonly deadline: number;
  readonly limits: HostLimits;
  /** Where the server may go, signed (core/egress.ts); absent: its catalogue entry does not ask for it. */
  readonly egress?: { readonly grant: string };
  /** Its clients' roots are told to the server; absent: they are not, since they would replace what the session allows (D9). */
  readonly clientRoots?: true;
  /** How much the host says; absent: as usual. */
  readonly logSetting?: LogSetting;
  /** The session's record, sealed (sessions/record-seal.ts): kept for whoever asks, should the store lose its own. */
  readonly record: string;
}
export type Launch =
  | {
      readonly kind: 'stdio';
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }
  /** A module that exports `openServer` (see core/server-module.ts), as a URL or an absolute path. */
  | { readonly kind: 'module'; readonly module: string };

export interface HostLimits {
  /** Log of one channel, bytes. */
  readonly logBytes: number;
  /** Age at which a log entry may go, milliseconds. */
  readonly logAgeMs: number;
  /** Idempotency keys kept per channel. */
  readonly keys: number;
  /** Servers of stdio channels that may run at once; the one idle longest is ended for the next. */
  readonly children: number;
  /** A channel's server that was not used for this long is ended, milliseconds. */
  readonly childIdleMs: number;
  /** How long a server may take to answer `initialize`, milliseconds. */
  readonly initializeMs: number;
  /** A call that waits for an answer of its client, whom it has lost, is ended after this long, milliseconds. */
  readonly parkedMs: number;
  /** Without any gateway for this long the host ends, milliseconds. */
  readonly abandonedMs: number;
}

export interface HostStatus {
  readonly boot: string;
  readonly configured: boolean;
  /** Servers running in this host now. */
  readonly children: number;
  readonly channels: number;
  /** Bytes in the logs of all channels. Absent, as what follows it here: a host of an earlier version. */
  readonly logBytes?: number;
  /** Requests that came again with a key that was known, since the host began. */
  readonly replays?: number;
  /** When the first certificate runs out that the server was shown, milliseconds since the epoch; absent: it was shown none. */
  readonly certificateExpiresAt?: number;
  /** Last message in or out, milliseconds since the epoch; absent before the first. */
  readonly lastActivityAt?: number;
  readonly restarts: number;
  readonly circuit: 'closed' | 'half-open' | 'open';
  /** Why the server ended by itself, and the end of its stderr, if none has come up since. */
  readonly failure?: { readonly reason: string; readonly stderr: string; readonly at: number };
  /** What the whole instance uses, this host included; absent where it cannot be said. */
  readonly usage?: ResourceUsage;
}

/** Whether a host agreed to be ended. */
export interface Retirement {
  /** True: it takes no more work, and none is being done. */
  readonly retired: boolean;
  /** Last use, milliseconds since the epoch; now, if somebody uses it. Of one that was never used: when it was configured. */
  readonly usedAt: number;
}

/** What the controller and the API ask of a host. Rejects with an AppError; `server.failed` when the server cannot start. */
export interface HostControl {
  /** Hands the host its secret and its assignment. Done already with the same secret: resolves. */
  configure(endpoint: Endpoint, secret: string, assignment: HostAssignment, signal: AbortSignal): Promise<void>;
  status(endpoint: Endpoint, secret: string, signal: AbortSignal): Promise<HostStatus>;
  /** What the assignment had as `record`. */
  record(endpoint: Endpoint, secret: string, signal: AbortSignal): Promise<string>;
  /**
   * Has the host refuse all further work (`retired`), if nobody has used it for `idleMs`: no call runs, and no client
   * listens. There is no way back. Retired already: says so again.
   */
  retire(endpoint: Endpoint, secret: string, idleMs: number, signal: AbortSignal): Promise<Retirement>;
}
