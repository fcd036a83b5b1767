import type { SessionRecord } from '../core/session.ts';
import { lock, unlock } from './box.ts';
import { deriveKey } from './keys.ts';

/**
 * Makes of a session's record a text that its hosts keep, for the case that the store loses its own. A host can neither read
 * nor change it: what runs there is not trusted with who owns the session, nor with which directory it may use.
 */
export class RecordSeal {
  readonly #key: Buffer;

  /** @param key the deployment's key */
  constructor(key: Uint8Array) {
    this.#key = deriveKey(key, 'records');
  }

  seal(record: SessionRecord): string {
    return lock(this.#key, boundTo(record), JSON.stringify(record));
  }

  /** Throws if `sealed` was not made by `seal` for this very session with this deployment's key. */
  open(session: Pick<SessionRecord, 'id' | 'nonce'>, sealed: string): SessionRecord {
    return JSON.parse(unlock(this.#key, boundTo(session), sealed)) as SessionRecord;
  }
}

const boundTo = ({ id, nonce }: Pick<SessionRecord, 'id' | 'nonce'>): string => JSON.stringify([id, nonce]);
