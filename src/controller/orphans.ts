import type { OrphanView } from '../core/api.ts';
import type { Census } from '../core/controller-meter.ts';
import type { SessionId } from '../core/ids.ts';
import type { Instance } from '../core/runtime.ts';
import type { SessionRecord } from '../core/session.ts';
import { type Present, runningAmong } from './instances.ts';

/** Instances that run and belong to no session, or to an earlier one. What may be spared is still among them. */
export function orphansAmong(
  actual: ReadonlyMap<string, Present>,
  records: ReadonlyMap<SessionId, SessionRecord>,
): Instance[] {
  return runningAmong(actual).filter(({ labels }) => records.get(labels.session)?.nonce !== labels.nonce);
}

/** As people are told of one. */
export function viewOf({ name, labels: { session, server } }: Instance): OrphanView {
  return { session, server, instance: name };
}

/** @param owner absent: anybody */
export const isOf = (whose: string, owner: string | undefined): boolean => owner === undefined || whose === owner;

/** What becomes of orphans from one look at everything to the next. */
export class Orphans {
  readonly #settleMs: number;
  /** When each was found, milliseconds since the epoch. */
  #found = new Map<string, number>();

  /** @param settleMs how long one may take to end, milliseconds; after that it *stands* */
  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /**
   * @param orphans of those in `actual`
   * @param isEnding it is being ended at this moment, as after the end of its session: no orphan, unless it was found before
   * @param now milliseconds since the epoch
   */
  saw(
    orphans: readonly Instance[],
    isEnding: (instance: Instance) => boolean,
    actual: ReadonlyMap<string, Present>,
    now: number,
  ): Census['orphans'] {
    const before = this.#found;
    const counted = orphans.filter((orphan) => before.has(keyOf(orphan)) || !isEnding(orphan));
    const alive = new Set(runningAmong(actual).map(keyOf));
    const removed = [...before.keys()].filter((key) => !alive.has(key)).length;
    this.#found = new Map(counted.map((orphan) => [keyOf(orphan), before.get(keyOf(orphan)) ?? now]));
    const found = [...this.#found.keys()].filter((key) => !before.has(key)).length;
    const standing = [...this.#found.values()].filter((since) => now - since >= this.#settleMs).length;
    return { found, removed, standing };
  }
}

/** An id may be used again, by the next instance in the same place. */
const keyOf = ({ id, labels: { nonce, incarnation } }: Instance): string => `${id} ${nonce} ${incarnation}`;
