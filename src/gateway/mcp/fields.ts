import { createHash } from 'node:crypto';

/** A JSON object. */
export type Fields = Record<string, unknown>;

export const asFields = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;

/** What `write` makes, JSON; undefined: it is nested too deeply to be written, though it could be read. */
export function encoded(write: () => string): Buffer | undefined {
  try {
    return Buffer.from(write());
  } catch {
    return undefined;
  }
}

/** A name for `value`, the same whatever the order of its fields: 256 bits, 43 characters of base64url. */
export const digestOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value, sorted)).digest('base64url');

function sorted(_key: string, value: unknown): unknown {
  const fields = asFields(value);
  return fields ? Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
}
