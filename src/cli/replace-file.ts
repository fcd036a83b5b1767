import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../core/errors.ts';

/** The mode of a file that nobody else may read; the folders that it needs are private too. */
export const PRIVATE = 0o600;

/** The text of `file`, empty if it is not there. Rejects if it cannot be read, with `config.invalid` if it is not UTF-8. */
export async function readText(file: string): Promise<string> {
  const bytes = await ifThere(readFile(file));
  if (bytes && !isUtf8(bytes)) throw new AppError('config.invalid', `${file} is not UTF-8: it was left as it is`);
  return bytes?.toString('utf8') ?? '';
}

/**
 * Writes `file` in one step: whoever reads it sees the old text or the new one. Its mode is kept, and a symbolic link
 * stays one. Missing folders are made.
 * @param mode of a file that is not there yet, and of one that must be private
 */
export async function replaceFile(file: string, text: string | Uint8Array, mode?: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true, ...(mode === PRIVATE && { mode: 0o700 }) });
  const target = (await ifThere(realpath(file))) ?? file;
  const before = await ifThere(stat(target));
  const next = `${target}.${randomUUID()}.tmp`;
  try {
    await writeFile(next, text, { flag: 'wx', ...(mode !== undefined && { mode }) });
    if (before && mode === undefined) await chmod(next, before.mode & 0o7777);
    await rename(next, target);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}

async function ifThere<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
