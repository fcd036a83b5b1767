import { AppError } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import { lock, unlock } from './box.ts';
import { deriveKey } from './keys.ts';

/** Values of a session's variables by name. */
export type Variables = Readonly<Record<string, string>>;

/**
 * Keeps the values of a session's variables secret where its record is stored: encrypted, and bound to the session's id, so
 * that a sealed text copied into another record does not open there.
 */
export class Sealer {
  readonly #key: Buffer;

  /** @param key the deployment's key */
  constructor(key: Uint8Array) {
    this.#key = deriveKey(key, 'variables');
  }

  seal(session: SessionId, variables: Variables): string {
    return lock(this.#key, session, JSON.stringify(variables));
  }

  /** Throws `config.invalid` if `sealed` was not made by `seal` for this session with this deployment's key. */
  unseal(session: SessionId, sealed: string | undefined): Variables {
    if (sealed === undefined) return {};
    try {
      return JSON.parse(unlock(this.#key, session, sealed)) as Variables;
    } catch (cause) {
      throw new AppError(
        'config.invalid',
        "The session's variables cannot be read any more (the deployment's key has changed): run `mcp-session-manager init` again",
        { cause },
      );
    }
  }
}
