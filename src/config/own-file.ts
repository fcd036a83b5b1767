import { randomBytes } from 'node:crypto';
import { linkSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { AppError } from '../core/errors.ts';

/** Permission bits of group and others. */
const OTHERS = 0o077;

/**
 * Makes a directory that only this user may enter, if it is not there.
 * @throws AppError `config.invalid` if it is somebody else's, open to others or no directory
 */
export function ownDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new AppError('config.invalid', `The directory ${path} cannot be made: ${(cause as Error).message}`, {
      cause,
    });
  }
  checkOwn(path, 'directory');
}

/**
 * Reads a file that only this user may read; the first call writes it, with what `make` returns. Atomic: of two programs
 * that start at once both read what one of them wrote, and none ever sees half of it.
 * @throws AppError `config.invalid` if it is somebody else's, open to others or no file
 */
export function ownFile(path: string, make: () => Uint8Array | string): Buffer {
  const made = `${path}.${randomBytes(6).toString('hex')}`;
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    try {
      writeFileSync(made, make(), { flag: 'wx', mode: 0o600 });
      linkSync(made, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(made, { force: true });
    }
  }
  checkOwn(path, 'file');
  return readFileSync(path);
}

function checkOwn(path: string, kind: 'file' | 'directory'): void {
  const found = lstatSync(path);
  if (kind === 'file' ? !found.isFile() : !found.isDirectory())
    throw new AppError('config.invalid', `${path} must be a ${kind}, not a link or anything else: move it away`);
  const uid = process.geteuid?.();
  // Windows has neither owners nor permission bits of this kind.
  if (uid === undefined) return;
  if (found.uid !== uid)
    throw new AppError(
      'config.invalid',
      `${path} belongs to user ${found.uid}, and this program runs as user ${uid}: start it as that user, or choose other directories with $MCP_SESSION_MANAGER_STATE and $MCP_SESSION_MANAGER_RUNTIME_ROOT`,
    );
  if ((found.mode & OTHERS) !== 0)
    throw new AppError(
      'config.invalid',
      `${path} holds secrets and is open to other users (mode ${(found.mode & 0o777).toString(8)}): run chmod ${kind === 'file' ? '600' : '700'} '${path}'; if others could read it until now, delete its files instead, and new keys are made`,
    );
}
