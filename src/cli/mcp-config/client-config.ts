import { quote } from '../shell/shell-code.ts';

export const CLIENTS = ['claude', 'codex', 'vscode', 'gemini', 'cursor'] as const;
/** An MCP client whose configuration file is known. */
export type Client = (typeof CLIENTS)[number];

export interface ConfigSource {
  /** Absolute path. */
  readonly launcher: string;
  /** Base URL of the manager. */
  readonly manager: string;
  /** One server; absent: all of them. */
  readonly server?: string;
}

/** What one client must be told. */
export interface ClientConfig {
  /** Relative to the folder. */
  readonly file: string;
  /** The table of servers in that file. */
  readonly section: 'mcpServers' | 'servers' | 'mcp_servers';
  /** The entry's key in the section. */
  readonly name: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

/**
 * The entry for `client`. It holds no secret and nothing of one terminal, so all that share the folder can use it.
 *
 * - Claude Code runs `headersHelper` in a shell at each connect (Claude Code documentation, "MCP", dynamic headers).
 * - Codex reads the token from `bearer_token_env_var` (Codex documentation, "MCP", streamable HTTP servers).
 * - Gemini CLI expands variables in `settings.json` (Gemini CLI documentation, "Configuration").
 * - Editors have no terminal's environment, so they get the `connect` bridge. `${workspaceFolder}` (VS Code and Cursor
 *   documentation, "Variables") gives each folder a session of its own, although all windows are one process.
 */
export function clientConfig(client: Client, { launcher, manager, server }: ConfigSource): ClientConfig {
  const name = server ? `session-${server}` : 'session';
  const url = `${manager}/mcp${server ? `/${server}` : ''}`;
  const bridge = {
    type: 'stdio',
    command: launcher,
    args: ['connect', ...(server ? [server] : []), '--workspace', '${workspaceFolder}'],
    env: { MCP_SESSION_ID: '${workspaceFolder}' },
  };
  switch (client) {
    case 'claude': {
      const helper = /^[\w/.+-]+$/.test(launcher) ? launcher : quote(launcher);
      const entry = { type: 'http', url, headersHelper: `${helper} headers` };
      return { file: '.mcp.json', section: 'mcpServers', name, entry };
    }
    case 'codex':
      return {
        file: '.codex/config.toml',
        section: 'mcp_servers',
        name,
        entry: { url, bearer_token_env_var: 'MCP_SESSION_TOKEN' },
      };
    case 'gemini':
      return {
        file: '.gemini/settings.json',
        section: 'mcpServers',
        name,
        entry: { httpUrl: url, headers: { Authorization: 'Bearer $MCP_SESSION_TOKEN' } },
      };
    case 'vscode':
      return { file: '.vscode/mcp.json', section: 'servers', name, entry: bridge };
    case 'cursor':
      return { file: '.cursor/mcp.json', section: 'mcpServers', name, entry: bridge };
  }
}
