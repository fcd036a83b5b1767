import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AppError } from '../core/errors.ts';
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
 * Loads `credential` and `key` from the state directory; the first start makes them (files 0600, directory 0700).
 * @throws AppError `config.invalid` for wrong permissions, owners or contents, with what to do
 */
export function loadKeys(state: string): Keys {
  ownDirectory(state);
  const credentialFile = join(state, 'credential');
  const keyFile = join(state, 'key');
  const credential = ownFile(credentialFile, () => `${randomBytes(KEY_BYTES).toString('base64url')}\n`)
    .toString('latin1')
    .trim();
  if (!/^[\x21-\x7e]{32,512}$/.test(credential))
    throw damaged(credentialFile, 'must hold one line of 32 to 512 visible characters');
  const key = ownFile(keyFile, () => randomBytes(KEY_BYTES));
  if (key.length !== KEY_BYTES) throw damaged(keyFile, `must hold ${KEY_BYTES} bytes`);
  return { credential, key };
}

function damaged(file: string, why: string): AppError {
  return new AppError('config.invalid', `${file} ${why}: restore it, or delete it, and the next start makes a new one`);
}
