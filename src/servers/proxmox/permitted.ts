import type * as z from 'zod';
import { PveError } from './pve-error.ts';
import type { Call } from './tool.ts';

/**
 * A part of an answer, or undefined and a note where it cannot be had: no privilege, a node that is down, something that is
 * not installed. The rest is worth showing.
 */
export async function permitted<S extends z.ZodType>(
  call: Call,
  path: string,
  schema: S,
  notes: string[],
): Promise<z.output<S> | undefined> {
  try {
    return await call.get(path, schema);
  } catch (error) {
    if (!(error instanceof PveError && error.pveStatus !== undefined && error.pveStatus !== 401)) throw error;
    notes.push(`${path}: ${error.message}`);
    return undefined;
  }
}
