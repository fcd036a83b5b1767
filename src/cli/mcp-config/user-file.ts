import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Client } from './client-config.ts';

/**
 * The client's file for all folders of this user, absolute (each client's documentation, "MCP"): of Claude Code the scope
 * `user`, of Codex `$CODEX_HOME`, of VS Code the default profile.
 */
export function userFile(client: Client, env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  const home = env.HOME || homedir();
  switch (client) {
    case 'claude':
      return join(home, '.claude.json');
    case 'codex':
      return join(env.CODEX_HOME || join(home, '.codex'), 'config.toml');
    case 'gemini':
      return join(home, '.gemini', 'settings.json');
    case 'cursor':
      return join(home, '.cursor', 'mcp.json');
    case 'vscode': {
      const settings =
        platform === 'darwin'
          ? join(home, 'Library', 'Application Support')
          : env.XDG_CONFIG_HOME || join(home, '.config');
      return join(settings, 'Code', 'User', 'mcp.json');
    }
  }
}
