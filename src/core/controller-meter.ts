/** What a server is counted as that is not in the catalogue: names of labels must not grow with what people bring along. */
export const OTHER_SERVER = 'other';

/** What a wanted server of a session can be; `unconfigured`: its terminal has set nothing of what it needs, and nobody misses it. */
export const INSTANCE_STATES = ['pending', 'starting', 'ready', 'failed', 'unconfigured', 'idle'] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];

/** One server in all sessions. */
export interface ServerCensus {
  readonly states: Readonly<Record<InstanceState, number>>;
  /** Those that are not started for a while because they failed too often. */
  readonly circuitsOpen: number;
}

/** What one look at everything found. */
export interface Census {
  readonly sessions: number;
  /** By name in the catalogue, or `OTHER_SERVER`; a server that no session has may be absent. */
  readonly servers: ReadonlyMap<string, ServerCensus>;
  readonly orphans: {
    /** That no look before had found. */
    readonly found: number;
    /** That an earlier look had found and that have ended since. */
    readonly removed: number;
    /** That should have ended by now. */
    readonly standing: number;
  };
  /** Starts that wait for a place. */
  readonly waiting: number;
  /** Instances that take a place. */
  readonly running: number;
}

/** All instances of one server together, as far as their hosts have answered. */
export interface HostTotals {
  readonly channels: number;
  readonly logBytes: number;
  readonly circuitsOpen: number;
  readonly memoryBytes: number;
  /** Of the largest one. */
  readonly memoryMaxBytes: number;
  /** When the first certificate runs out, milliseconds since the epoch; absent: none was shown. */
  readonly certificateExpiresAt?: number;
  /** Hosts that did not answer. */
  readonly unanswered: number;
  /** Since the last time: servers that ended by themselves, requests that came again, processor time in seconds. */
  readonly childExits: number;
  readonly replays: number;
  readonly cpuSeconds: number;
}

/** What was out of reach in a look at everything that failed. */
export type PassFailure = 'store' | 'runtime' | 'lease' | 'other';

/** How a start ended; `unavailable`: nothing could be started; `unconfigured`: as the state of this name. */
export type StartOutcome = 'ready' | 'failed' | 'unavailable' | 'unconfigured';

/** What the controller counts of its work. Nothing of it fails, or waits. Times are in milliseconds. */
export interface ControllerMeter {
  /** It is in charge. Between this and `resigned` comes all that tells how things are. */
  inCharge(epoch: number, limits: { readonly instances: number; readonly queue: number }): void;
  /** It is not in charge any more: another one says from now on how things are. */
  resigned(): void;
  passed(census: Census, ms: number, now: number): void;
  passFailed(what: PassFailure): void;
  /** A start came to an end. `ms`: with `ready`, how long after it was decided on. */
  started(server: string, outcome: StartOutcome, ms?: number): void;
  /** An instance ended by itself, and is to be started again. */
  ended(server: string): void;
  /** A start found no place, and too many waiting for one. */
  turnedAway(): void;
  /** What instances run on could not do what was asked of it, for want of `lack` (core/runtime.ts). */
  lacked(lack: string): void;
  /** What the hosts of all instances say, by name in the catalogue, or `OTHER_SERVER`. */
  surveyed(servers: ReadonlyMap<string, HostTotals>): void;
}
