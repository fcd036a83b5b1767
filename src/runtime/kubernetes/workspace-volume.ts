import { posix } from 'node:path';
import { AppError } from '../../core/errors.ts';
import { labelValueOf } from './names.ts';

/** Stands for the owner in the name of a claim. */
const OWNER = '{owner}';

export interface WorkspacePolicy {
  /** Name of the claim with all workspaces; with `{owner}` in it each owner has one. Empty: there are none. */
  readonly claim: string;
  /** Where gateways and instances see it, absolute; with a claim for each owner, theirs are the directories in it. */
  readonly root: string;
}

/** A directory of a claim. */
export interface ClaimedDirectory {
  readonly claim: string;
  /** Relative to the claim's root; absent: all of it. */
  readonly subPath?: string;
}

/**
 * Where a session's workspace lies: `{root}/{directory}` of the one claim, or `{root}/{owner}/{directory}`, which is
 * `{directory}` of the owner's.
 * @throws AppError `config.invalid` if it lies in no claim, or in another owner's
 */
export function workspaceVolumeOf(
  { claim, root }: WorkspacePolicy,
  workspace: string,
  owner: string,
): ClaimedDirectory {
  if (claim === '') throw new AppError('config.invalid', 'There is no volume with workspaces here: set workspaceClaim');
  const path = posix.relative(root, workspace);
  if (path === '..' || path.startsWith('../'))
    throw new AppError('config.invalid', `The workspace ${workspace} does not lie in ${root}, as all must here`);
  if (!claim.includes(OWNER)) return { claim, ...(path === '' ? {} : { subPath: path }) };
  const [whose, ...rest] = path.split('/');
  if (whose !== owner)
    throw new AppError('config.invalid', `The workspace ${workspace} does not lie in ${posix.join(root, owner)}`);
  const subPath = rest.join('/');
  return { claim: claim.replace(OWNER, claimPartOf(owner)), ...(subPath === '' ? {} : { subPath }) };
}

/** An owner in the name of an object, which has small letters only. */
function claimPartOf(owner: string): string {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(owner) ? owner : labelValueOf(`owner ${owner}`);
}
