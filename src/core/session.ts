import type { LogSetting } from './host-logs.ts';
import type { ServerName, SessionId } from './ids.ts';

/** Which terminal a session belongs to. `leader` is the process that lives exactly as long as the terminal. */
export interface Terminal {
  /** From `$MCP_SESSION_ID`, `$SSH_TTY` or the tty, every character outside `[a-zA-Z0-9]` made `_`. */
  readonly name: string;
  readonly host: string;
  readonly leader?: ProcessIdentity;
}

/** A process for good: pids are used again, a pid with its start time is not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** As the operating system words it (Linux: clock ticks since boot with the boot's id; else the text of `ps`). */
  readonly startedAt: string;
}

/** Where a running instance is and which one it is. Plain data: any replica can reach the instance with it. */
export interface InstanceRef {
  /** As the runtime names it: a process id, a container id, a Pod's name. For people. */
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Where one server of a session is in its life. Only the controller moves it on. */
export type ServerState =
  | { readonly phase: 'stopped' }
  | {
      readonly phase: 'pending';
      /** Since when it waits for a place among the instances that may run at once; absent: it does not wait for one. */
      readonly since?: number;
      /** What it waits for, for people. */
      readonly reason?: string;
    }
  /** Wanted, and not needed now: nothing runs until somebody uses it. */
  | {
      readonly phase: 'idle';
      /** Of the last instance; 0: there was none. */
      readonly incarnation: number;
      readonly since: number;
      /** Why it was not started when somebody wanted it, for people; absent: nobody has. */
      readonly reason?: string;
      /** With `reason`: before this it makes no sense to want it again, milliseconds since the epoch. */
      readonly retryAt?: number;
    }
  | {
      readonly phase: 'starting';
      readonly incarnation: number;
      readonly since: number;
      /** What it waits for, for people; absent: it does not wait. */
      readonly reason?: string;
      /** Consecutive failures before this start; absent: none. */
      readonly failures?: number;
      /** Consecutive starts before this one that the runtime could not try; absent: none. */
      readonly outages?: number;
    }
  | {
      readonly phase: 'ready';
      readonly incarnation: number;
      readonly since: number;
      readonly instance: InstanceRef;
      /** Consecutive failures before this start, forgotten once it has run for a while; absent: none. */
      readonly failures?: number;
    }
  | {
      readonly phase: 'failed';
      readonly incarnation: number;
      readonly since: number;
      /** What is wrong and what to do, for people. */
      readonly reason: string;
      /** The end of what the server wrote to stderr, if anything. */
      readonly stderr?: string;
      /** Consecutive failures. */
      readonly failures: number;
      /** Consecutive starts that the runtime could not try, which is no failure of the server; absent: none. */
      readonly outages?: number;
      /** When it is tried again, milliseconds since the epoch; absent: not before somebody asks. */
      readonly retryAt?: number;
      /** Its terminal has set nothing of what it needs: nobody misses it. */
      readonly unconfigured?: true;
    };

export interface ServerRecord {
  readonly desired: 'running' | 'stopped';
  /** Grows with each restart that somebody asked for. */
  readonly generation: number;
  readonly state: ServerState;
}

/** What one terminal owns. Plain data, kept in the store. Times are milliseconds since the epoch. */
export interface SessionRecord {
  readonly id: SessionId;
  /** Grows by one with every change; `replace` compares it. */
  readonly version: number;
  /** Tells this session from an earlier one with the same id; a token of an earlier one is refused. */
  readonly nonce: string;
  /** The highest epoch of a controller that wrote to it (controller/fenced-store.ts); absent: none has. */
  readonly epoch?: number;
  readonly owner: string;
  readonly terminal: Terminal;
  /** Absolute path of the directory that the session's servers may use. */
  readonly workspace: string;
  /** True: the session outlives its terminal. */
  readonly keep: boolean;
  readonly servers: Readonly<Record<ServerName, ServerRecord>>;
  /** Values of the session's secret variables, encrypted with the deployment's key (see `Sealer`). */
  readonly sealed?: string;
  /** How much the hosts of its servers say; absent: as usual. */
  readonly logSetting?: LogSetting;
  readonly createdAt: number;
  /** Milliseconds without activity after which the session is over. */
  readonly idleTtlMs: number;
  /** When the session is over whatever happens. */
  readonly maxAt: number;
}

/** What a record becomes: the record without what the store alone may change. */
export type SessionChange = Partial<Omit<SessionRecord, 'id' | 'version' | 'nonce' | 'owner' | 'createdAt'>>;

/** `record` with `change`, one version on. */
export function changed(record: SessionRecord, change: SessionChange): SessionRecord {
  return { ...record, ...change, version: record.version + 1 };
}

/** The session's server of this name. Names come from clients: what every object inherits is none of them. */
export function serverOf(record: SessionRecord, name: ServerName): ServerRecord | undefined {
  return Object.hasOwn(record.servers, name) ? record.servers[name] : undefined;
}

/** `record` with one server's entry changed, one version on. The server must be there. */
export function withServer(record: SessionRecord, server: ServerName, change: Partial<ServerRecord>): SessionRecord {
  const before = serverOf(record, server);
  if (!before) throw new Error(`session has no server ${server}`);
  return changed(record, { servers: { ...record.servers, [server]: { ...before, ...change } } });
}

/** Incarnations of one generation: `generation * 1000 + 1` and up. */
const PER_GENERATION = 1000;

/** The incarnation that the next start of this server has: more than any before in this session, and of its generation. */
export function nextIncarnation(server: ServerRecord): number {
  const last = 'incarnation' in server.state ? server.state.incarnation : 0;
  return Math.max(last, server.generation * PER_GENERATION) + 1;
}

/** The generation that makes whatever runs now, or has failed, a thing of the past: a restart. */
export function nextGeneration(server: ServerRecord): number {
  const last = 'incarnation' in server.state ? Math.floor(server.state.incarnation / PER_GENERATION) : 0;
  return Math.max(last, server.generation) + 1;
}

/** False: the state is from before a restart that somebody asked for, so it says nothing about what is to come. */
export function isCurrent(server: ServerRecord): boolean {
  return !('incarnation' in server.state) || server.state.incarnation >= server.generation * PER_GENERATION;
}

/** How often its instance was started again because it had failed, since somebody last asked for a start. */
export function restartsOf(server: ServerRecord): number {
  if (!('incarnation' in server.state) || !isCurrent(server)) return 0;
  return Math.max(0, server.state.incarnation - server.generation * PER_GENERATION - 1);
}
