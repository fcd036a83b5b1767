import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The text of `file`, empty if it is not there. Rejects if it cannot be read. */
export async function readText(file: string): Promise<string> {
  return (await ifThere(readFile(file, 'utf8'))) ?? '';
}

/**
 * Writes `file` in one step: whoever reads it sees the old text or the new one. Its mode is kept, and a symbolic link
 * stays one. Missing folders are made.
 */
export async function replaceFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const target = (await ifThere(realpath(file))) ?? file;
  const before = await ifThere(stat(target));
  const next = `${target}.${randomUUID()}.tmp`;
  try {
    await writeFile(next, text, { flag: 'wx' });
    if (before) await chmod(next, before.mode & 0o7777);
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
