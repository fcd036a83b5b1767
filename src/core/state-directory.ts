import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

const NAME = 'mcp-session-manager';

/**
 * The directory that keeps the manager's own state: the owner's credential, keys, the embedded store, `manager.json`.
 * `$MCP_SESSION_MANAGER_STATE`, else `$XDG_STATE_HOME/mcp-session-manager`, else `~/.local/state/mcp-session-manager`
 * (XDG Base Directory Specification 0.8, section 3: a relative `$XDG_STATE_HOME` is ignored).
 * @returns an absolute path; nothing is made there
 */
export function stateDirectory(env: NodeJS.ProcessEnv): string {
  if (env.MCP_SESSION_MANAGER_STATE) return resolve(env.MCP_SESSION_MANAGER_STATE);
  if (env.XDG_STATE_HOME && isAbsolute(env.XDG_STATE_HOME)) return join(env.XDG_STATE_HOME, NAME);
  return join(env.HOME || homedir(), '.local', 'state', NAME);
}
