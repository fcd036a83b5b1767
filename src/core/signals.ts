import type { SessionId } from './ids.ts';

/**
 * "This session's record has changed": a hint, never the truth. Controller and gateways look into the store when they
 * hear it, and look again from time to time in case they did not.
 */
export interface Signals {
  publish(session: SessionId): void;
  /** Calls `listener` for every session published from now on, until disposed. */
  subscribe(listener: (session: SessionId) => void): Disposable;
}
