import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { AppError } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import { deriveKey } from './keys.ts';

const ALGORITHM = 'aes-256-gcm';
/** Bytes (NIST SP 800-38D, 5.2.1.1 and 5.2.1.2). */
const NONCE = 12;
const TAG = 16;

/** Values of a session's variables by name. */
export type Variables = Readonly<Record<string, string>>;

/**
 * Keeps the values of a session's variables secret where its record is stored: AES-256-GCM, bound to the session's id, so
 * that a sealed text copied into another record does not open there.
 */
export class Sealer {
  readonly #key: Buffer;

  /** @param key the deployment's key */
  constructor(key: Uint8Array) {
    this.#key = deriveKey(key, 'variables');
  }

  seal(session: SessionId, variables: Variables): string {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG }).setAAD(Buffer.from(session));
    const text = Buffer.concat([cipher.update(JSON.stringify(variables), 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url');
  }

  /** Throws `config.invalid` if `sealed` was not made by `seal` for this session with this deployment's key. */
  unseal(session: SessionId, sealed: string | undefined): Variables {
    if (sealed === undefined) return {};
    const bytes = Buffer.from(sealed, 'base64url');
    try {
      const nonce = bytes.subarray(0, NONCE);
      const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG })
        .setAAD(Buffer.from(session))
        .setAuthTag(bytes.subarray(NONCE, NONCE + TAG));
      const text = Buffer.concat([decipher.update(bytes.subarray(NONCE + TAG)), decipher.final()]);
      return JSON.parse(text.toString()) as Variables;
    } catch (cause) {
      throw new AppError(
        'config.invalid',
        "The session's variables cannot be read any more (the deployment's key has changed): run `mcp-session-manager init` again",
        { cause },
      );
    }
  }
}
