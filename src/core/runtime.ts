import type { ServerName, SessionId } from './ids.ts';
import type { InstanceRef } from './session.ts';

/** How a runtime names one instance of its own. Opaque to everybody else. */
export type InstanceId = string;

/** The second copy of the truth (D5): what an instance says about itself, wherever it runs. */
export interface InstanceLabels {
  readonly session: SessionId;
  readonly server: ServerName;
  readonly owner: string;
  readonly nonce: string;
  readonly incarnation: number;
  /** The epoch of the lease under which it was started. */
  readonly epoch: number;
  /** The session's maximum age, milliseconds since the epoch: no instance lives longer. */
  readonly deadline: number;
}

export interface InstanceSpec {
  readonly labels: InstanceLabels;
  /** Absolute path of the session's workspace. */
  readonly workspace: string;
}

export interface Instance extends InstanceRef {
  readonly id: InstanceId;
  readonly labels: InstanceLabels;
}

export type InstanceStatus =
  | { readonly phase: 'absent' }
  | { readonly phase: 'running'; readonly instance: Instance }
  /**
   * It ended by itself and has not been cleared away. `unbegun`: it never ran, because whoever started it did not see to the end
   * of that.
   */
  | { readonly phase: 'dead'; readonly instance: Instance; readonly reason: string; readonly unbegun?: true };

export interface ResourceUsage {
  /** User and system time since the start, seconds, the whole process tree. */
  readonly cpuSeconds: number;
  /** Resident memory, bytes, the whole process tree. */
  readonly memoryBytes: number;
  /** Processes; in a container its tasks, threads among them, which its limit counts too. */
  readonly pids: number;
}

export interface LogOptions {
  /** How many of the last lines; all that are kept if absent. */
  readonly tail?: number;
}

/**
 * Where instances run. An instance is a process, container or Pod with one host in it, whose socket accepts connections.
 *
 * - Before `start`, `status` says `absent`, and `stop` resolves.
 * - `start` is idempotent for the same session, server, nonce and incarnation: it returns the running instance. An older
 *   incarnation of the same server is ended first; a newer one of the same nonce is left alone (`server.busy`). It
 *   resolves when the endpoint accepts connections. A rejection or an aborted signal leaves nothing behind.
 * - Instances outlive the program that started them; `list` finds them again.
 * - `stop` ends the whole process tree: asks, waits `graceMs`, then kills. It resolves when nothing of it runs any more.
 *   An absent one is done. Concurrent calls share one ending. A start in progress is aborted. Throws `server.busy` if something
 *   of it does not end, whatever is done.
 * - Everything throws `runtime.unavailable` when what instances run on (a container engine) does not answer: it never looks
 *   like `absent`. A start throws it too when the engine lacks the image or room on its disk (data: `lack`), and
 *   `config.invalid` when trying again cannot help; else `server.failed`.
 */
export interface Runtime {
  readonly kind: 'process' | 'docker' | 'kubernetes';
  start(spec: InstanceSpec, signal: AbortSignal): Promise<Instance>;
  status(id: InstanceId): Promise<InstanceStatus>;
  stop(id: InstanceId, graceMs: number): Promise<void>;
  /** What is really there, dead ones that were not cleared away included. */
  list(): AsyncIterable<InstanceStatus & { phase: 'running' | 'dead' }>;
  logs(id: InstanceId, options: LogOptions): AsyncIterable<string>;
  /** Undefined if it is not running. */
  usage(id: InstanceId): Promise<ResourceUsage | undefined>;
  /** Sessions for which something is kept besides their instances, whether these are there or not: what `forget` removes. */
  kept(): AsyncIterable<SessionId>;
  /**
   * Removes what is kept for a session that is over besides its instances: sockets, configuration, logs. Nothing there: done.
   * @throws AppError `server.busy` if an instance of it still runs
   */
  forget(session: SessionId): Promise<void>;
}
