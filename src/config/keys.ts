import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '../core/errors.ts';
import { ownDirectory, ownFile } from './own-file.ts';

const KEY_BYTES = 32;

/** The secrets of one deployment. Never to be logged. */
export interface Keys {
  /** What the owner's command line shows to the API: visible ASCII. */
  readonly credential: string;
  /** Signs tokens, seals variables, derives ids and the secrets of instances: 32 bytes. */
  readonly key: Uint8Array;
}

/**
 * Loads the deployment's secrets. A file that is not named is in the state directory. Those in the state directory are made by the first start (files 0600, directory 0700);
 * those in files of their own must be there.
 * @throws AppError `config.invalid` for wrong permissions, owners or contents, with what to do
 */
export function loadKeys(state: string, secrets: { readonly key?: string; readonly credential?: string } = {}): Keys {
  if (secrets.key === undefined || secrets.credential === undefined) ownDirectory(state);
  return { credential: loadCredential(state, secrets.credential), key: loadKey(state, secrets.key) };
}

function loadCredential(state: string, given: string | undefined): string {
  const own = join(state, 'credential');
  const bytes = given ? readGiven(given) : ownFile(own, () => `${randomBytes(KEY_BYTES).toString('base64url')}\n`);
  const credential = bytes.toString('latin1').trim();
  if (/^[\x21-\x7e]{32,512}$/.test(credential)) return credential;
  throw damaged(given, own, 'must hold one line of 32 to 512 visible characters');
}

/** The deployment's key alone. */
export function loadKey(state: string, given: string | undefined): Uint8Array {
  const own = join(state, 'key');
  const key = given ? decoded(readGiven(given)) : ownFile(own, () => randomBytes(KEY_BYTES));
  if (key.length === KEY_BYTES) return key;
  throw damaged(given, own, `must hold ${KEY_BYTES} bytes`);
}

/** A secret that comes as text: 32 bytes in hexadecimal, base64 or base64url. */
function decoded(bytes: Buffer): Buffer {
  if (bytes.length === KEY_BYTES) return bytes;
  const text = bytes.toString('latin1').trim();
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
}

/**
 * Reads a file of secrets that was named. Those of containers belong to whoever the engine likes, so owner and mode say nothing about them.
 * @throws AppError `config.invalid`
 */
export function readGiven(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new AppError('config.invalid', `The secret ${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function damaged(given: string | undefined, own: string, why: string): AppError {
  if (given) return new AppError('config.invalid', `${given} ${why}`);
  return new AppError('config.invalid', `${own} ${why}: restore it, or delete it, and the next start makes a new one`);
}
