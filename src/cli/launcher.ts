import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const LAUNCHER = join('bin', 'mcp-session-manager');

/**
 * Absolute path of the program's launcher, for shell code and for other programs' configuration files, which must not
 * depend on a PATH: `$MCP_SESSION_MANAGER_BIN`, else `bin/mcp-session-manager` in the nearest folder above this module.
 */
export function launcherPath(env: NodeJS.ProcessEnv): string {
  if (env.MCP_SESSION_MANAGER_BIN) return resolve(env.MCP_SESSION_MANAGER_BIN);
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, LAUNCHER))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`${LAUNCHER} is missing from the installation: install it again`);
    folder = parent;
  }
  return join(folder, LAUNCHER);
}
