/**
 * What parts tell of what they do, to be counted (telemetry/metrics/). Whoever measures never throws, and takes next to no time:
 * these are called on the path of a call.
 */

import type { Span } from './traces.ts';

/** What became of an operation that failed (telemetry/metrics/operation-labels.ts says what each means). */
export type ErrorType =
  | 'tool_error'
  | 'rpc_error'
  | 'client'
  | 'session_over'
  | 'throttled'
  | 'unavailable'
  | 'outcome_unknown'
  | 'internal'
  | 'cancelled';

/** One request of a client, from its arrival to its answer. */
export interface Operation {
  /** As it is told in a trace; absent: in none. */
  readonly span?: Span;
  /** It goes to its host now, which takes over. Only the first time counts. */
  posted(): void;
  /** Milliseconds in which somebody else was waited for before that. */
  waited(ms: number): void;
  /** Its answer has come from the host. */
  returned(): void;
  /** What is known to be wrong with its answer before the client has it. */
  failing(error: ErrorType): void;
  /** The client has its answer, or is not going to have one. Only the first time counts. */
  end(error?: ErrorType): void;
}

/** How a wait ended: with what was waited for, at the deadline, with an error, or because the client had gone. */
export type HoldOutcome = 'served' | 'timed_out' | 'failed' | 'gone';

/** One request that may have to wait for its server, or for the store. */
export interface Hold {
  /** It has to. Only the first time counts. */
  begin(): void;
  /** Nothing is counted if it never had to. Only the first time counts. */
  end(outcome: HoldOutcome): void;
}

/** A stream of events: an answer, or what a client listens to. */
export type StreamKind = 'answer' | 'standalone' | 'sse' | 'subscription';

/** What came of looking for the session that a request names. */
export type LookupResult = 'alive' | 'over' | 'lost' | 'unknown';

/** What a gateway counts of its clients and of its links. */
export interface GatewayMeter {
  /**
   * A request has arrived.
   * @param method of MCP, as the client says it
   * @param name what it calls, if it is `tools/call`
   * @param version protocol revision, as the client says it
   * @param arrivedAt when all of it was here, `performance.now()`
   */
  operation(method: string, name: unknown, version: string, arrivedAt: number): Operation;
  hold(): Hold;
  /** @returns the opposite: it has ended */
  streamOpened(kind: StreamKind): () => void;
  /** A client has come back to a stream that it had left. */
  streamResumed(): void;
  /** What a client came back for is no longer kept. */
  streamGap(): void;
  lookup(result: LookupResult): void;
  cache(result: 'hit' | 'miss'): void;
  connectionOpened(version: string): void;
  connectionFailed(error: ErrorType): void;
  linkUp(): void;
  /** @param inUse it broke while somebody used it */
  linkDown(inUse: boolean): void;
}

/** By whom, or by what, a session was ended. */
export type EndedBy = 'owner' | 'admin' | 'terminal' | 'cleanup' | 'expired' | 'other';

/** What is counted of the lives of sessions. */
export interface SessionMeter {
  sessionCreated(): void;
  sessionResumed(): void;
  /** A new session was refused, because too many servers wait for a place. */
  sessionTurnedAway(): void;
  /** @param ageMs how long it lived, milliseconds; undefined: not known */
  sessionEnded(by: EndedBy, ageMs: number | undefined): void;
}

/** What is counted of logins. */
export interface LoginMeter {
  login(outcome: 'done' | 'refused' | 'throttled'): void;
}

/** What is counted of the store. */
export interface StoreMeter {
  /** @param error undefined: it was answered */
  storeOperation(operation: StoreOperation, ms: number, error: unknown): void;
  /** This process has said in the store that it is there, as it does every few seconds. @param error undefined: it was taken */
  storeWritten(error: unknown): void;
  /** The store has lost its records, and somebody waits until they are made again. */
  storeEmptied(): void;
}
export type StoreOperation = 'read' | 'write' | 'list' | 'touch' | 'connection';

const nothing = () => {};
const NO_OPERATION: Operation = { posted: nothing, waited: nothing, returned: nothing, failing: nothing, end: nothing };
const NO_HOLD: Hold = { begin: nothing, end: nothing };

/** Where nothing is measured. */
export const UNMEASURED: GatewayMeter & SessionMeter & LoginMeter & StoreMeter = {
  operation: () => NO_OPERATION,
  hold: () => NO_HOLD,
  streamOpened: () => nothing,
  streamResumed: nothing,
  streamGap: nothing,
  lookup: nothing,
  cache: nothing,
  connectionOpened: nothing,
  connectionFailed: nothing,
  linkUp: nothing,
  linkDown: nothing,
  sessionCreated: nothing,
  sessionResumed: nothing,
  sessionTurnedAway: nothing,
  sessionEnded: nothing,
  login: nothing,
  storeOperation: nothing,
  storeWritten: nothing,
  storeEmptied: nothing,
};
