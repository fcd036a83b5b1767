import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import type { WatchOptions } from './watch-options.ts';

/**
 * A position in a watch's changes, for somebody who knows nothing else: with what it takes to watch the same again when nothing
 * of the watch is left.
 */
export interface Cursor {
  readonly watch: string;
  /** Which process's numbering `position` is of. */
  readonly epoch: string;
  readonly position: number;
  readonly path: string;
  readonly options: WatchOptions;
}

const MAX_LENGTH = 32_768;
const id = z.string().regex(/^[0-9a-f]{16}$/);
const written = z.tuple([
  id,
  id,
  z.int().min(0),
  z.string().min(1),
  z.tuple([z.array(z.string()), z.boolean(), z.boolean()]),
]);

export function writeCursor({ watch, epoch, position, path, options }: Cursor): string {
  const { ignore, gitignore, polling } = options;
  const fields: z.input<typeof written> = [watch, epoch, position, path, [[...ignore], gitignore, polling]];
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

/** @throws AppError `params.invalid` if `text` was not written by `writeCursor` */
export function readCursor(text: string): Cursor {
  const result = written.safeParse(text.length > MAX_LENGTH ? undefined : parse(text));
  if (!result.success)
    throw new AppError(
      'params.invalid',
      'This is no cursor: give the one that fs_watch_start or the last fs_changes answered, whole and unchanged',
    );
  const [watch, epoch, position, path, [ignore, gitignore, polling]] = result.data;
  return { watch, epoch, position, path, options: { ignore, gitignore, polling } };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}
