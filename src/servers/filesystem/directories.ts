import { realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve, sep } from 'node:path';
import { AppError } from '../../core/errors.ts';

/** A directory that may be looked at: both are absolute paths without links. */
export interface Allowed {
  readonly path: string;
  /** The allowed directory that it is in, or is. */
  readonly base: string;
}

/** The directories of the command line, as the official server takes them: links are followed, and what they lead to counts. */
export class Directories {
  readonly #written: readonly string[];

  /** @param written as on the command line */
  constructor(written: readonly string[]) {
    this.#written = written;
  }

  /** Those that are there. */
  async list(): Promise<string[]> {
    const real = await Promise.all(this.#written.map((path) => realpath(absolute(path)).catch(() => undefined)));
    return real.filter((path) => path !== undefined);
  }

  /**
   * @param path of a directory; one that is relative is below the working directory
   * @throws AppError `params.invalid` if it is not there, is no directory, or is, or leads, outside
   */
  async find(path: string): Promise<Allowed> {
    const asked = absolute(path);
    if (asked.includes('\0')) throw new AppError('params.invalid', 'A path holds no null characters');
    const bases = await this.list();
    const refused = new AppError(
      'params.invalid',
      `Access denied: ${path} is outside of the allowed directories ${bases.join(', ')}`,
    );
    let real: string;
    try {
      real = await realpath(asked);
    } catch {
      // Of what is outside nobody is told whether it is there.
      const known = [...bases, ...this.#written.map(absolute)].some((base) => isWithin(base, asked));
      throw known ? new AppError('params.invalid', `${path} is not there: give an existing directory`) : refused;
    }
    const base = bases.find((one) => isWithin(one, real));
    if (base === undefined) throw refused;
    if (!(await stat(real)).isDirectory())
      throw new AppError('params.invalid', `${path} is no directory: give the one that it is in`);
    return { path: real, base };
  }
}

function absolute(path: string): string {
  const home = path === '~' || path.startsWith('~/') ? homedir() + path.slice(1) : path;
  return resolve(home);
}

function isWithin(base: string, path: string): boolean {
  return path === base || path.startsWith(base.endsWith(sep) ? base : base + sep);
}
