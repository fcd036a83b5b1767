import { describe, expect, it } from 'vitest';
import { lineAt, parseJson } from '../../src/config/json-text.ts';
import { LEFT_OUT, leftOutIn, withoutSecrets, withSecrets } from '../../src/config/left-out.ts';
import { mistypedVariables } from '../../src/config/variables.ts';

const CATALOGUE = `{
  "mcpServers": {
    "search": {
      "command": "./search", "args": ["--api-key", "k-1", "--token=t-2", "--verbose"],
      "more": { "args": ["-e", "PAT=e-5", "-e", "MODE=fast", "--header", "Authorization: Bearer h-6", "--db=redis://u:p-7@h",
        "--header", "X-Key: \${env:KEY}", "--header", "Authorization: Bearer \${env:KEY}", "https://a.example/?a=b&key=\${env:KEY}"], "url": "https://a.example/?apiKey=q-8" },
      "env": { "SEARCH_KEY": "s-3", "FROM": "\${env:SEARCH_KEY}", "MODE": "fast", "DB": "redis://u:p-4@h" }
    }
  }
}
`;
const SECRETS = ['k-1', 't-2', 's-3', 'p-4', 'e-5', 'h-6', 'p-7', 'q-8'];

describe('a JSON text', () => {
  it.each([
    ['{\n  "a": 1\n  "b": "hunter2"\n}', 'line 3, column 3: a comma is missing here, or on the line before'],
    ['{"a": }', 'line 1, column 7: a value is missing'],
    ['{"a": 1,}', 'line 1, column 9: a name in double quotes is missing (a comma may be too many)'],
    ['{"a" "hunter2"}', 'line 1, column 6: a colon is missing'],
    ['{"a": [1', 'line 1, column 9: a closing ] is missing'],
    ['{"a": 1} hunter2', 'line 1, column 10: this is not JSON'],
    ['', 'line 1, column 1: a value is missing'],
  ])('that is none is told by its place, and not quoted: %j', (text, problem) => {
    expect(parseJson(text)).toEqual({ problem });
  });

  it('has lines for its values, and for what should be in them', () => {
    expect(lineAt(CATALOGUE, ['mcpServers', 'search', 'env', 'MODE'])).toBe('line 7: ');
    expect(lineAt(CATALOGUE, ['mcpServers', 'search', 'limits', 'pids'])).toBe('line 3: ');
    expect(lineAt('', ['a'])).toBe('');
  });
});

describe('secrets', () => {
  it('are left out where names and URLs say that they are, and nothing else is changed', () => {
    const kept = withoutSecrets(CATALOGUE);
    for (const secret of SECRETS) expect(kept).not.toContain(secret);
    expect(kept.split(LEFT_OUT)).toHaveLength(SECRETS.length + 1);
    expect(kept.replaceAll(LEFT_OUT, '')).toContain('"--verbose"],\n      "more": {');
    expect(kept).toContain('"FROM": "${env:SEARCH_KEY}", "MODE": "fast"');
    expect(withoutSecrets(kept)).toBe(kept);
    const names = '{"password_env_var": "A", "passwordFile": "b", "port": 1, "jwksUrl": "https://a.example/keys"}';
    expect(withoutSecrets(names)).toBe(names);
  });

  it('are taken from the file as it is, damaged or not', () => {
    const kept = withoutSecrets(CATALOGUE);
    expect(withSecrets(kept, CATALOGUE)).toEqual({ text: CATALOGUE, missing: [] });
    expect(withSecrets(kept, CATALOGUE.replace('"fast",', '"fast"'))).toEqual({ text: CATALOGUE, missing: [] });
  });

  it('that are nowhere are named by their place', () => {
    const { text, missing } = withSecrets(withoutSecrets(CATALOGUE), undefined);
    expect(missing).toEqual(
      [
        ...[
          'args.--api-key',
          'args.--token=',
          'more.args.PAT=',
          'more.args.Authorization:',
          'more.args.--db=',
          'more.url',
        ],
        ...['env.SEARCH_KEY', 'env.DB'],
      ].map((place) => `mcpServers.search.${place}`),
    );
    expect(leftOutIn(text)).toEqual(missing);
    expect(withSecrets(text, text)).toEqual({ text, missing });
  });

  it('of arguments go by their option, and never to another one', () => {
    const file = (...args: string[]) => JSON.stringify({ args });
    const kept = withoutSecrets(file('--api-key', 'a', '--token=b'));
    expect(withSecrets(kept, file('-v', '--token=c', '--api-key', 'd')).text).toBe(file('--api-key', 'd', '--token=c'));
    expect(withSecrets(kept, file('--secret', 'e', '--token=f'))).toEqual({
      text: file('--api-key', LEFT_OUT, '--token=f'),
      missing: ['args.--api-key'],
    });
  });

  it('of accounts go by the name, wherever in the list it is', () => {
    const file = (...accounts: object[]) => JSON.stringify({ accounts });
    const kept = withoutSecrets(file({ name: 'ada', password: 'hash-a' }, { name: 'bob', password: 'hash-b' }));
    expect(withSecrets(kept, file({ name: 'bob', password: 'hash-c' }))).toEqual({
      text: file({ name: 'ada', password: LEFT_OUT }, { name: 'bob', password: 'hash-c' }),
      missing: ['accounts.ada.password'],
    });
  });
});

describe('variables', () => {
  it('that are mistyped are told with the one that is nearest', () => {
    const env = {
      MCP_SESSION_MANAGER_PROT: '1',
      MCP_SESSION_MANAGER_IDLE_TTL: '1h',
      MCP_SESSION_MANAGER_ACCOUNT_FILE: 'a',
      MCP_SESSION_MANAGER_SOMETHING_ELSE_ALTOGETHER: '1',
      MCP_SESSION_MANAGER_EMPTY: '',
      MCP_SESSION_ID: 'x',
    };
    expect(mistypedVariables(env)).toEqual([
      'MCP_SESSION_MANAGER_ACCOUNT_FILE is set, and is no variable of this program: did you mean MCP_SESSION_MANAGER_ACCOUNTS_FILE?',
      'MCP_SESSION_MANAGER_PROT is set, and is no variable of this program: did you mean MCP_SESSION_MANAGER_PORT?',
      'MCP_SESSION_MANAGER_SOMETHING_ELSE_ALTOGETHER is set, and is no variable of this program (docs/configuration.md)',
    ]);
  });

  it('of the documents are all known', async () => {
    const { readFileSync } = await import('node:fs');
    const text = ['configuration', 'command-line'].map((name) => readFileSync(`docs/${name}.md`, 'utf8')).join('');
    const named = [...text.matchAll(/\bMCP_SESSION_MANAGER_[A-Z_]+\b/g)].map(([name]) => [name, 'x']);
    expect(named.length).toBeGreaterThan(50);
    expect(mistypedVariables(Object.fromEntries(named))).toEqual([]);
  });
});
