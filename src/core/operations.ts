import type { ServerName, SessionId } from './ids.ts';

/** What a process of the deployment says of itself, again and again. */
export interface ReplicaReport {
  /** Random, new with each start. */
  readonly id: string;
  readonly role: 'gateway' | 'controller' | 'serve' | 'egress';
  readonly version: string;
  /** Host name. */
  readonly machine: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly draining: boolean;
  /** Gateway: sessions in use. */
  readonly sessions?: number;
  /** Gateway: connections in use. */
  readonly connections?: number;
  /** Controller: holds the lease. */
  readonly leads?: boolean;
  /** In words (store out of reach, runtime out of reach, ...); empty: well. */
  readonly troubles: readonly string[];
}

/** Stable: docs/logs.md lists them. */
export const LIFECYCLE_NAMES = [
  'session.created',
  'session.resumed',
  'session.expired',
  'session.ended',
  'instance.starting',
  'instance.ready',
  'instance.failed',
  'instance.stopped',
  'instance.restarted',
  'instance.idle',
] as const;

export type LifecycleName = (typeof LIFECYCLE_NAMES)[number];

/** Something that happened in a session's or an instance's life. */
export interface LifecycleEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly name: LifecycleName;
  readonly session: SessionId;
  readonly owner: string;
  readonly server?: ServerName;
  readonly incarnation?: number;
  /** In words. */
  readonly reason?: string;
}

/** An action of a person, or an attempt. Never a secret. */
export interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly actor: string;
  readonly role?: string;
  /** Where the request came from. */
  readonly address: string;
  readonly action: string;
  readonly target?: string;
  readonly outcome: 'done' | 'refused' | 'failed';
  readonly detail?: string;
}

/** Newest first. */
export interface Page<T> {
  readonly items: readonly T[];
  /** An opaque cursor, given back as `after`; absent on the last page. */
  readonly next?: string;
}

/**
 * Kept beside the sessions' records, bounded, for operators: the oldest events and entries go first, and nothing that
 * a session needs to live depends on any of it. Each call fails with `StoreUnavailable` within a second while the
 * store is out of reach; a cursor that is none with `request.invalid`.
 */
export interface OperationsStore {
  /** Replaces what the same id said before; forgotten after `ttlMs`. */
  announce(report: ReplicaReport, ttlMs: number): Promise<void>;
  withdraw(id: string): Promise<void>;
  /** Those whose last report has not lapsed, in the order of their start. */
  replicas(): Promise<readonly ReplicaReport[]>;
  record(event: LifecycleEvent): Promise<void>;
  events(filter: { session?: SessionId; owner?: string; after?: string; limit: number }): Promise<Page<LifecycleEvent>>;
  audit(entry: AuditEntry): Promise<void>;
  audited(filter: { actor?: string; action?: string; after?: string; limit: number }): Promise<Page<AuditEntry>>;
  /** Counts; answers how often within the window that began with the first, this time included. */
  hit(key: string, windowMs: number): Promise<number>;
  clear(key: string): Promise<void>;
  /** Remembers a mark (a revoked token's id) for so long. */
  mark(key: string, ttlMs: number): Promise<void>;
  marked(key: string): Promise<boolean>;
}

/** The mark by which a replica is asked to take no new work; it looks for it with each report. */
export const drainMark = (replica: string): string => `drain:${replica}`;
