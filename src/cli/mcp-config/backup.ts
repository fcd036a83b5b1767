import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../core/errors.ts';
import { stateDirectory } from '../../core/state-directory.ts';
import { PRIVATE, replaceFile } from '../replace-file.ts';

/** Earlier texts that are kept for each file. */
const KEPT = 10;

/** What there was before a change. The text itself lies beside it, as it was. */
interface Backup {
  readonly file: string;
  /** False: the change made the file. */
  readonly existed: boolean;
  /** Folders that the change made, the innermost first. */
  readonly folders: readonly string[];
  /** SHA-256 of the text after the change. */
  readonly after: string;
}

const digest = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** Where the earlier texts of `file` are: in the state directory, so that no folder of a project has more in it than its client reads. */
function directoryOf(env: NodeJS.ProcessEnv, file: string): string {
  return join(stateDirectory(env), 'mcp-config', digest(file).slice(0, 16));
}

/** Writes `text` to `file`, and keeps what was there for `undo`. */
export async function writeWithBackup(env: NodeJS.ProcessEnv, file: string, text: string): Promise<void> {
  const directory = directoryOf(env, file);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const numbers = await numbersIn(directory);
  const next = (numbers.at(-1) ?? 0) + 1;
  const before = await bytesOf(file);
  const backup: Backup = {
    file,
    existed: before !== undefined,
    folders: await missingFolders(file),
    after: digest(text),
  };
  if (before) await writeFile(join(directory, `${next}.before`), before, { mode: PRIVATE, flag: 'wx' });
  await replaceFile(join(directory, `${next}.json`), `${JSON.stringify(backup)}\n`, PRIVATE);
  await replaceFile(file, text);
  for (const old of numbers.slice(0, Math.max(0, numbers.length + 1 - KEPT))) await forget(directory, old);
}

/**
 * Makes `file` what it was before the last change, byte for byte; one that was not there is removed, with the folders that
 * were made for it. Throws `not-found` if nothing was changed, `config.invalid` if somebody else has changed it since.
 */
export async function undo(env: NodeJS.ProcessEnv, file: string): Promise<'restored' | 'removed'> {
  const directory = directoryOf(env, file);
  const last = (await numbersIn(directory)).at(-1);
  if (last === undefined)
    throw new AppError('not-found', `${file} was not changed by mcp-config: there is nothing to undo`);
  const backup = JSON.parse(await readFile(join(directory, `${last}.json`), 'utf8')) as Backup;
  const kept = join(directory, `${last}.before`);
  const now = await bytesOf(file);
  if (now === undefined || digest(now) !== backup.after) {
    const earlier = backup.existed ? `; what it was before is in ${kept}` : '; it was not there before';
    throw new AppError('config.invalid', `${file} was changed since by somebody else and left as it is${earlier}`);
  }
  if (backup.existed) await replaceFile(file, await readFile(kept));
  else {
    await rm(await realpath(file));
    for (const folder of backup.folders) await rmdir(folder).catch(() => {}); // there is something else in it by now
  }
  await forget(directory, last);
  return backup.existed ? 'restored' : 'removed';
}

/** Numbers of the backups in a directory, the oldest first. */
async function numbersIn(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch(() => []);
  const numbers = names.flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? []);
  return numbers.map(Number).sort((a, b) => a - b);
}

async function forget(directory: string, number: number): Promise<void> {
  for (const end of ['json', 'before']) await rm(join(directory, `${number}.${end}`), { force: true });
}

async function bytesOf(file: string): Promise<Buffer | undefined> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

async function missingFolders(file: string): Promise<string[]> {
  const missing: string[] = [];
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    if (await stat(folder).catch(() => undefined)) break;
    missing.push(folder);
  }
  return missing;
}
