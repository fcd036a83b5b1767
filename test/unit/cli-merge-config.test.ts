import { describe, expect, it } from 'vitest';
import { CLIENTS, clientConfig } from '../../src/cli/mcp-config/client-config.ts';
import { merge, render } from '../../src/cli/mcp-config/merge-config.ts';

const source = { launcher: '/opt/my tools/bin/mcp-session-manager', manager: 'http://127.0.0.1:8900' };
const claude = clientConfig('claude', source);
const codex = clientConfig('codex', source);
const textOf = (before: string, config = claude) => {
  const merged = merge(before, config);
  if ('problem' in merged) throw new Error(merged.problem);
  return merged.text;
};

describe('client configuration', () => {
  it.each([
    [
      'claude',
      '.mcp.json',
      {
        mcpServers: {
          session: {
            type: 'http',
            url: 'http://127.0.0.1:8900/mcp',
            headersHelper: "'/opt/my tools/bin/mcp-session-manager' headers",
          },
        },
      },
    ],
    [
      'gemini',
      '.gemini/settings.json',
      {
        mcpServers: {
          session: { httpUrl: 'http://127.0.0.1:8900/mcp', headers: { Authorization: 'Bearer $MCP_SESSION_TOKEN' } },
        },
      },
    ],
    [
      'vscode',
      '.vscode/mcp.json',
      {
        servers: {
          session: {
            type: 'stdio',
            command: source.launcher,
            args: ['connect', '--workspace', '${workspaceFolder}'],
            env: { MCP_SESSION_ID: '${workspaceFolder}' },
          },
        },
      },
    ],
    [
      'cursor',
      '.cursor/mcp.json',
      {
        mcpServers: {
          session: {
            type: 'stdio',
            command: source.launcher,
            args: ['connect', '--workspace', '${workspaceFolder}'],
            env: { MCP_SESSION_ID: '${workspaceFolder}' },
          },
        },
      },
    ],
  ] as const)('is right for %s', (client, file, expected) => {
    const config = clientConfig(client, source);
    expect(config.file).toBe(file);
    expect(JSON.parse(render(config))).toEqual(expected);
  });

  it('is right for codex', () => {
    expect(codex.file).toBe('.codex/config.toml');
    expect(render(codex)).toBe(
      '[mcp_servers.session]\nurl = "http://127.0.0.1:8900/mcp"\nbearer_token_env_var = "MCP_SESSION_TOKEN"\n',
    );
  });

  it('names one server, and its own path', () => {
    const one = clientConfig('claude', { ...source, server: 'filesystem' });
    expect(one.name).toBe('session-filesystem');
    expect(one.entry.url).toBe('http://127.0.0.1:8900/mcp/filesystem');
    expect(clientConfig('vscode', { ...source, server: 'filesystem' }).entry.args).toContain('filesystem');
  });

  it.each(CLIENTS)('merged into nothing is the whole file, and again changes nothing (%s)', (client) => {
    const config = clientConfig(client, source);
    expect(textOf('', config)).toBe(render(config));
    expect(textOf(textOf('', config), config)).toBe(render(config));
  });
});

describe('merging JSON', () => {
  const before =
    '{\n    "other": [1, {"x": null}],\n    "mcpServers": {\n        "mine": {"command": "x"}\n    },\n    "z": "ü"\n}\n';

  it('keeps all else, its order and the indentation', () => {
    const text = textOf(before);
    expect(JSON.parse(text)).toEqual({
      other: [1, { x: null }],
      mcpServers: { mine: { command: 'x' }, session: claude.entry },
      z: 'ü',
    });
    expect(Object.keys(JSON.parse(text))).toEqual(['other', 'mcpServers', 'z']);
    expect(text).toContain('\n    "other"');
    expect(textOf(text)).toBe(text);
  });

  it.each([
    [
      'comments everywhere',
      '// a\n{ // b\n  "x": 1, /* c */\n  "mcpServers": { // d\n    // e\n    "mine": {"command": "x"} // f\n    // g\n  } // h\n}\n// i\n',
    ],
    ['trailing commas', '{\n\t"mcpServers": {\n\t\t"mine": {"command": "x",}, // f\n\t},\n}\n'],
    ['one line', '{"mcpServers": {"mine": {"command": "x"}}}'],
    ['one line with a trailing comma', '{ "mcpServers": { "mine": {}, }, }'],
    ['an empty section', '{\n  "mcpServers": {},\n  "z": [1,2]\n}\n'],
    ['no section', '{\r\n    "z": [1,2] // z\r\n}\r\n'],
    ['an empty object', '{}'],
    ['a comment in an empty object', '{\n  // nothing yet\n}\n'],
  ])('takes all lines along: %s', (_, text) => {
    const merged = textOf(text);
    const parts = text.match(/\/\/.*|\/\*.*?\*\/|"(?:mine|command|z|x)": ?[^,}\s]+/g) ?? [];
    for (const part of parts) expect(merged).toContain(part);
    const lines = text.split('\n').filter((line) => !/^\s*[{}\],]*\s*$/.test(line));
    const kept = lines.filter((line) =>
      merged.split('\n').some((other) => other.replaceAll(',', '') === line.replaceAll(',', '')),
    );
    if (lines.length > 1) expect(kept.length).toBeGreaterThanOrEqual(lines.length - 1);
    expect(textOf(merged)).toBe(merged);
    expect(merged.includes('\r\n')).toBe(text.includes('\r\n'));
    expect(merged).toMatch(/"session": \{\r?\n/);
  });

  it('leaves a comment beside the server that it is about', () => {
    const text = textOf('{\n  "mcpServers": {\n    "mine": {} // mine\n  }\n}\n');
    expect(text).toContain('    "mine": {}, // mine\n    "session": {\n');
  });

  it('brings an older entry of its own up to date', () => {
    const old = JSON.stringify({ mcpServers: { session: { ...claude.entry, url: 'http://127.0.0.1:1/mcp' } } });
    expect(JSON.parse(textOf(old)).mcpServers.session).toEqual(claude.entry);
  });

  it.each([
    ['broken JSON', '{"a":', 'not JSON'],
    ['single quotes', "{'a': 1}", 'not JSON'],
    ['a section that is there twice', '{"mcpServers": {}, "mcpServers": {}}', 'twice'],
    ['a list', '[]', 'object'],
    ['a section that is no object', '{"mcpServers": []}', 'mcpServers'],
    ["somebody else's server of that name", '{"mcpServers":{"session":{"command":"x"}}}', 'session'],
  ])('refuses %s', (_, text, problem) => {
    expect(merge(text, claude)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

describe('merging TOML', () => {
  it.each([
    ['other settings', 'model = "x"\n\n[profiles.a]\nb = [1, 2] # c\n'],
    [
      'other servers',
      '[mcp_servers.mine]\ncommand = "x" # [mcp_servers.session]\n\n[mcp_servers."session 2"]\nurl = "y"\n',
    ],
    ['a section header', '[mcp_servers]\n\n[mcp_servers.mine.env]\nA = "="\n'],
    ['a name that only begins so', '[mcp_servers.session-filesystem]\nurl = "z"\n'],
    ['a multi-line string', 'a = """\nx\n"""\n'],
  ])('adds the table behind %s', (_, before) => {
    const text = textOf(before, codex);
    expect(text).toBe(`${before}\n${render(codex)}`);
    if (!before.includes('"""')) expect(textOf(text, codex)).toBe(text);
  });

  it('brings its own table up to date and leaves the lines around it', () => {
    const before = 'a = 1\n[mcp_servers.session]\n# mine\nurl = "http://127.0.0.1:1/mcp"\n\n[b]\nurl = "c"\n';
    const text = textOf(before, codex);
    expect(text).toBe(`a = 1\n${render(codex)}# mine\n\n[b]\nurl = "c"\n`);
    expect(textOf(text, codex)).toBe(text);
  });

  it.each([
    ['an inline table', 'mcp_servers = { mine = { command = "x" } }\n'],
    ['dotted keys', 'mcp_servers.mine.command = "x"\n'],
    ['the server inside its section', '[mcp_servers]\nargs = ["x"]\nsession = { url = "x" }\n'],
    ['keys that are not ours', '[mcp_servers.session]\nurl = "x"\nenabled = false\n'],
    ['tables within it', '[mcp_servers.session]\nurl = "x"\n[mcp_servers.session.env]\nA = "b"\n'],
    ['quoted keys', '[mcp_servers."session".env]\nA = "b"\n'],
    ['it twice', '[mcp_servers.session]\nurl = "x"\n[ mcp_servers . session ]\nurl = "y"\n'],
    ['what may be the inside of a string', 'a = """\n[mcp_servers.session]\n"""\n'],
  ])('refuses %s', (_, before) => {
    expect(merge(before, codex)).toHaveProperty('problem');
  });
});
