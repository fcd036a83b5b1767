import { lstat, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError, messageOf } from '../../core/errors.ts';

/** What a container has of its own: a workspace that covers any of it, or lies in it, would break the host in it. */
const RESERVED = ['/app', '/bin', '/boot', '/dev', '/etc', '/lib', '/lib64', '/proc', '/sbin', '/sys', '/usr'];
/** The same, and places below which workspaces may lie. */
const COVERED = [...RESERVED, '/config', '/run/egress', '/run/host', '/tmp'];

/** Who a workspace belongs to. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user and the group that an instance runs as: whoever the workspace belongs to, so that the files that its server makes
 * are the developer's. Root only where nobody else could have put a link to something of root's on the way.
 * @throws AppError `config.invalid` that says what is wrong with the workspace
 */
export async function ownerOf(workspace: string): Promise<Owner> {
  const inside = RESERVED.find((path) => isWithin(workspace, path));
  const covered = COVERED.find((path) => isWithin(path, workspace));
  if (inside ?? covered)
    throw refused(
      workspace,
      `in a container ${inside ?? covered} has another meaning: use a directory of the project's own`,
    );
  try {
    const { uid, gid } = await lstat(workspace);
    if ((await realpath(workspace)) !== workspace) throw new Error('it is reached through a link');
    if (uid === 0) await trusted(workspace);
    return { uid, gid };
  } catch (cause) {
    throw refused(workspace, messageOf(cause), cause);
  }
}

/** Nobody but root can move or replace a directory on the way. */
async function trusted(workspace: string): Promise<void> {
  for (let path = workspace, parent = dirname(path); path !== parent; path = parent, parent = dirname(path)) {
    const { uid, mode } = await lstat(parent);
    const sticky = (mode & 0o1000) !== 0;
    if (uid !== 0 || ((mode & 0o022) !== 0 && !sticky))
      throw new Error(`it is root's, and ${parent} is not root's alone: give it to a user (chown)`);
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

function refused(workspace: string, why: string, cause?: unknown): AppError {
  return new AppError('config.invalid', `The workspace ${workspace} cannot be used: ${why}`, { cause });
}
