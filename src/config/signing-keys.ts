import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Logger } from '../core/logger.ts';
import type { SigningKey } from '../core/people.ts';
import { readGiven } from './keys.ts';
import { ownFile } from './own-file.ts';
import { parseSecretFile } from './parse-secret-file.ts';
import { Reread } from './reread.ts';

/** RFC 7518, section 3.2: a key of the size of the hash's output, or larger. */
const MIN_BYTES = 32;
/** The key's name that stands for the one derived from the deployment's. */
export const DERIVED_KEY = 'deployment';

const kid = z
  .string({ error: 'must be a text' })
  .regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'must be letters, digits and ._-, at most 64' });
const secret = z
  .string({ error: 'must be a text' })
  .refine((text) => Buffer.byteLength(text) >= MIN_BYTES, { error: `must have at least ${MIN_BYTES} bytes` });

const schema = z.strictObject({
  keys: z
    .array(
      z
        .strictObject({ kid, secret: secret.exactOptional() })
        .refine((key) => (key.kid === DERIVED_KEY) === (key.secret === undefined), {
          error: `must have a secret, but for "${DERIVED_KEY}", which must have none`,
        }),
      { error: 'must be a list' },
    )
    .min(1, { error: 'must have at least one key' })
    .max(8, { error: 'must have at most 8 keys' })
    .refine((keys) => new Set(keys.map((key) => key.kid)).size === keys.length, {
      error: 'must not have the same kid twice',
    }),
});

/**
 * Keys for the tokens of people: the first one signs, all are good. They are in `given`, or in `admin-keys.json` in the state directory; without
 * either there is `derived` alone. Read again when the file changes: a new key is put first, and the old one taken out
 * when the tokens that it signed have expired.
 * @throws AppError `config.invalid`
 */
export function openSigningKeys(
  files: { readonly state: string; readonly given?: string },
  derived: Uint8Array,
  log: Logger,
): Reread<readonly SigningKey[]> {
  const file = files.given ?? join(files.state, 'admin-keys.json');
  const read = (): readonly SigningKey[] => {
    if (files.given === undefined && !existsSync(file)) return [{ kid: DERIVED_KEY, secret: derived }];
    const bytes = files.given === undefined ? ownFile(file, () => '') : readGiven(file);
    const { keys } = parseSecretFile(file, bytes, schema);
    return keys.map((key) => ({ kid: key.kid, secret: key.secret === undefined ? derived : Buffer.from(key.secret) }));
  };
  return new Reread([file], read, log);
}
