import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const BLOCK = 1 << 16;
const NEWLINE = 0x0a;

/** Opens a log to write at its end, for this user alone and never through a link. */
export function openLog(path: string): Promise<FileHandle> {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
  return open(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600);
}

/**
 * The last lines of a log, none if there is no log. Reads from its end, so that a few lines of a long one cost little.
 * @param count at most so many; `Infinity` for all (a host keeps its log bounded)
 * @param from leaves out what is before this offset, bytes
 */
export async function lastLines(path: string, count: number, from = 0): Promise<string[]> {
  try {
    await using file = await open(path);
    const lines = (await tail(file, count, from)).toString().split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(Math.max(0, lines.length - count));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The end of a file behind `from`, with at least `count` whole lines if it has so many. */
async function tail(file: FileHandle, count: number, from: number): Promise<Buffer> {
  const blocks: Buffer[] = [];
  let newlines = 0;
  let start = (await file.stat()).size;
  // The newline behind the last line counts as well, hence one more than `count`.
  while (start > from && newlines <= count) {
    const end = start;
    start = Math.max(from, end - BLOCK);
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(end - start), 0, end - start, start);
    const block = buffer.subarray(0, bytesRead);
    for (const byte of block) if (byte === NEWLINE) newlines++;
    blocks.unshift(block);
  }
  return Buffer.concat(blocks);
}
