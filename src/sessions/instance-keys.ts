import { createHmac } from 'node:crypto';
import type { ServerName } from '../core/ids.ts';
import type { SessionRecord } from '../core/session.ts';
import { deriveKey } from './keys.ts';

/**
 * The bearer secret of an instance. Derived, not stored: any replica works it out from the session's record, and nothing
 * that is kept anywhere reveals it.
 */
export class InstanceKeys {
  readonly #key: Buffer;

  /** @param key the deployment's key */
  constructor(key: Uint8Array) {
    this.#key = deriveKey(key, 'instances');
  }

  /** 64 hexadecimal digits. */
  secretOf(session: Pick<SessionRecord, 'id' | 'nonce'>, server: ServerName, incarnation: number): string {
    const name = JSON.stringify([session.id, server, session.nonce, incarnation]);
    return createHmac('sha256', this.#key).update(name).digest('hex');
  }
}
