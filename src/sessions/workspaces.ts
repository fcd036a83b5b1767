import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { AppError } from '../core/errors.ts';

/** Stands for the owner in a root. Names of owners hold no slash, and none is `.` or `..` (config/people-file.ts). */
const OWNER = '{owner}';

/** Which directories may be a session's workspace: those inside the configured roots. */
export class Workspaces {
  readonly #roots: readonly string[];

  /** @param roots absolute paths, with `{owner}` in it one for each owner; one that does not exist admits nothing */
  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  /**
   * The directory's real path, all symbolic links resolved: what is checked here is what the servers get, so that a link
   * inside a root that leads out of it is refused.
   * Throws `request.invalid` if it is no absolute path of a directory, `workspace.refused` if it lies outside the roots.
   */
  async admit(path: string, owner: string): Promise<string> {
    if (!isAbsolute(path)) throw new AppError('request.invalid', `workspace: must be an absolute path, not "${path}"`);
    const real = await realDirectory(path);
    const roots = this.#roots.map((root) => root.replaceAll(OWNER, () => owner));
    for (const root of roots) {
      const realRoot = await realpath(root).catch(() => undefined);
      if (realRoot !== undefined && isInside(real, realRoot)) return real;
    }
    throw new AppError(
      'workspace.refused',
      `The workspace "${path}" lies outside the directories that sessions may use (${roots.join(', ')}): choose another with --workspace, or start the manager with MCP_SESSION_MANAGER_WORKSPACE_ROOTS, a list that has it`,
    );
  }
}

async function realDirectory(path: string): Promise<string> {
  let problem: string;
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
    problem = 'is not a directory';
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    problem = code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist' : `cannot be opened (${code ?? 'error'})`;
  }
  throw new AppError('request.invalid', `workspace: "${path}" ${problem}`);
}

function isInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
