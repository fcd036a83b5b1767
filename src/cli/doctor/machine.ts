import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { stateDirectory } from '../../core/state-directory.ts';
import type { CliIo } from '../io.ts';
import { launcherPath } from '../launcher.ts';
import { findTerminal } from '../terminal.ts';
import { version } from '../version.ts';
import { type Finding, ok, problem, skipped, warning } from './finding.ts';

/** The oldest Node that the program runs on. */
const OLDEST = [20, 19] as const;

/** What is on this machine: Node, the installation, the terminal, the files that hold secrets. */
export async function checkMachine(io: CliIo): Promise<Finding[]> {
  return [checkNode(), checkInstallation(io), checkTerminal(io), ...(await checkSecrets(io))];
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  const text = `Node ${process.versions.node}`;
  return isOld ? problem('node', `${text} is too old`, `install Node ${OLDEST.join('.')} or newer`) : ok('node', text);
}

function checkInstallation({ env }: CliIo): Finding {
  try {
    return ok('installation', `version ${version()}, ${launcherPath(env)}`);
  } catch (error) {
    return problem('installation', messageOf(error), "run 'npm ci' in the project's folder");
  }
}

function checkTerminal(io: CliIo): Finding {
  const { terminal, hasTty } = findTerminal(io);
  if (!hasTty) return skipped('terminal', 'this program runs without one');
  if (terminal.leader) return ok('terminal', `${terminal.name}, led by process ${terminal.leader.pid}`);
  return warning(
    'terminal',
    'the process that leads it is not known, so its sessions end by their deadline only',
    'install procps',
  );
}

/** Files that hold secrets must be this user's alone: the manager refuses others. */
async function checkSecrets({ env }: CliIo): Promise<Finding[]> {
  const directory = stateDirectory(env);
  const found = await Promise.all(
    ['', 'credential', 'key', 'accounts.json', 'admin-password', 'login.json'].map(async (name) => {
      const file = join(directory, name);
      const stats = await stat(file).catch(() => undefined);
      if (!stats || (stats.mode & 0o077) === 0) return [];
      return [problem('credentials', `others may read ${file}`, `chmod ${name === '' ? 700 : 600} ${file}`)];
    }),
  );
  const open = found.flat();
  return open.length > 0 ? open : [ok('credentials', `nobody else may read what is in ${directory}`)];
}
