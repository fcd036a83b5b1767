import { StoreEmptied } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import type { SessionRecord } from '../core/session.ts';
import type { SessionStore } from '../core/store.ts';

/**
 * The session's record; undefined only if the session is over. Throws `StoreEmptied` if the store may have lost it, and
 * `StoreUnavailable`.
 *
 * A record is lost only together with the generation, and there is no generation before all records are there again. So one
 * that is not there, between two looks that find the same generation, has been ended.
 */
export async function findRecord(
  store: Pick<SessionStore, 'peek' | 'generation'>,
  id: SessionId,
): Promise<SessionRecord | undefined> {
  return (await store.peek(id)) ?? ifComplete(store, () => store.peek(id));
}

/** What `look` finds, if the store was complete all the while. Throws `StoreEmptied` if not, and `StoreUnavailable`. */
export async function ifComplete<T>(store: Pick<SessionStore, 'generation'>, look: () => Promise<T>): Promise<T> {
  const before = await store.generation();
  if (before === undefined) throw new StoreEmptied();
  const found = await look();
  if ((await store.generation()) !== before) throw new StoreEmptied();
  return found;
}
