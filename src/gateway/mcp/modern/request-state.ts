import type { Clock } from '../../../core/clock.ts';
import { AppError } from '../../../core/errors.ts';
import type { ConnectionId } from '../../../core/ids.ts';
import type { RequestId, RpcRequest } from '../../../core/json-rpc.ts';
import { lock, unlock } from '../../../sessions/box.ts';
import { deriveKey } from '../../../sessions/keys.ts';
import { digestOf } from '../fields.ts';

/** Where a call that waits for its client is: all that a retry needs, on whatever replica it arrives. */
export interface CallState {
  /** The connection whose channel has the call. */
  readonly connection: ConnectionId;
  /** Event id (event-id.ts) of the place in the call's stream behind which it goes on. */
  readonly place: string;
  /** Questions before that place. */
  readonly asked: number;
  /** Ids of the questions behind that place that are answered. */
  readonly answered: readonly RequestId[];
}

interface Sealed extends CallState {
  /** `digestOf` the request that it is for. */
  readonly request: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Makes and reads `requestState` (2026-07-28, basic/patterns/mrtr): encrypted and authenticated, bound to a principal and to
 * the request that it was given for, and good for a limited time. It may be used twice: an answer is taken once all the same,
 * since the host knows its key.
 */
export class RequestStates {
  readonly #key: Buffer;
  readonly #clock: Clock;
  readonly #ttlMs: number;

  /**
   * @param key the deployment's key
   * @param ttlMs how long a state is good, milliseconds
   */
  constructor(key: Uint8Array, clock: Clock, ttlMs: number) {
    this.#key = deriveKey(key, 'states');
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  seal(principal: string, request: RpcRequest, state: CallState): string {
    const sealed: Sealed = { ...state, request: salient(request), expiresAt: this.#clock.now() + this.#ttlMs };
    return lock(this.#key, principal, JSON.stringify(sealed));
  }

  /** @throws AppError `request.params` if it was not made for this principal and request, was changed, or has expired */
  open(principal: string, request: RpcRequest, text: unknown): CallState {
    const sealed = this.#unlock(principal, text);
    if (sealed?.request !== salient(request))
      throw new AppError('request.params', 'This requestState was not given for this request: call again without it');
    if (sealed.expiresAt <= this.#clock.now())
      throw new AppError('request.params', 'This requestState has expired: call again without it');
    return sealed;
  }

  #unlock(principal: string, text: unknown): Sealed | undefined {
    // A decoder drops what it does not know: only the text that was given is taken.
    if (typeof text !== 'string' || Buffer.from(text, 'base64url').toString('base64url') !== text) return undefined;
    try {
      return JSON.parse(unlock(this.#key, principal, text)) as Sealed;
    } catch {
      return undefined;
    }
  }
}

/** What makes a request what it is: a retry has the same. */
function salient({ method, params = {} }: RpcRequest): string {
  const { _meta, inputResponses, requestState, ...rest } = params;
  return digestOf([method, rest]);
}
