import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SettingName } from '../../src/config/settings.ts';
import { SETTINGS, variableOf } from '../../src/config/settings.ts';
import { loadConfig } from '../../src/config.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-'));
});
afterEach(() => rm(directory, { recursive: true }));

const load = (env: NodeJS.ProcessEnv, file?: string) =>
  loadConfig({ env: { HOME: '/home/ada', ...env }, cwd: directory, uid: 1000 }, file);

async function written(text: string): Promise<string> {
  const file = join(directory, 'config.json');
  await writeFile(file, text);
  return file;
}

describe('configuration file', () => {
  it('wins over defaults, and the environment over it', async () => {
    const file = await written('{"port": 9000, "idleTtl": "2h", "workspaceRoots": ["/a"]}');
    const config = load({ MCP_SESSION_MANAGER_CONFIG: file, MCP_SESSION_MANAGER_PORT: '9001' });
    expect(config.http.port).toBe(9001);
    expect(config.sessions).toMatchObject({ idleTtlMs: 7_200_000, workspaceRoots: ['/a'] });
  });

  it('is relative to the working directory, and the one of the command line wins', async () => {
    await written('{"port": 9000}');
    expect(load({ MCP_SESSION_MANAGER_CONFIG: '/absent' }, 'config.json').http.port).toBe(9000);
  });

  it('names every wrong field and every unknown one, with the file', async () => {
    const file = await written('{"port": "high", "bodyLimit": 5, "pott": 1, "children": true}');
    const attempt = () => load({}, file);
    for (const name of ['port', 'bodyLimit', 'children']) expect(attempt).toThrow(`"${name}" in ${file} must be`);
    expect(attempt).toThrow(`"pott" in ${file} is not a setting; there are: host, port`);
  });

  it.each([
    ['{"port": }', 'cannot be read'],
    ['[]', 'must hold one JSON object'],
  ])('says what is wrong with the file %s', async (text, expected) => {
    const file = await written(text);
    expect(() => load({}, file)).toThrow(expected);
    expect(() => load({}, file)).toThrow(file);
  });

  it('says that the file is not there', () => {
    expect(() => load({}, '/nowhere/config.json')).toThrow(/cannot be read: \/nowhere\/config.json: ENOENT/);
  });
});

describe('files of secrets', () => {
  const redis = { MCP_SESSION_MANAGER_STORE: 'redis://redis:6379/2' };

  it('are found from the working directory', () => {
    const env = { MCP_SESSION_MANAGER_KEY_FILE: 'key', MCP_SESSION_MANAGER_CREDENTIAL_FILE: '/run/credential' };
    expect(load(env).secrets).toEqual({ key: join(directory, 'key'), credential: '/run/credential' });
    expect(load({}).secrets).toEqual({});
  });

  it("give the store's URL its password, whatever is in it", async () => {
    const password = 'p@ss/w%41rd:#?';
    const file = await written(`${password}\n`);
    const store = new URL(load({ ...redis, MCP_SESSION_MANAGER_STORE_PASSWORD_FILE: file }).store);
    expect(decodeURIComponent(store.password)).toBe(password);
    expect(store).toMatchObject({ protocol: 'redis:', host: 'redis:6379', username: '', pathname: '/2' });
  });

  it.each([
    ['is not there', redis, '/nowhere', /STORE_PASSWORD_FILE cannot be read: ENOENT/],
    ['is for no Redis', {}, 'config.json', /STORE_PASSWORD_FILE needs the URL of a Redis server/],
    [
      'is the second password',
      { MCP_SESSION_MANAGER_STORE: 'redis://:one@redis' },
      'config.json',
      /STORE_PASSWORD_FILE and the password in \$MCP_SESSION_MANAGER_STORE exclude each other/,
    ],
  ])('are refused when that of the password %s', async (_what, env, file, expected) => {
    await written('two');
    expect(() => load({ ...env, MCP_SESSION_MANAGER_STORE_PASSWORD_FILE: file })).toThrow(expected);
  });
});

describe('docs/configuration.md', () => {
  it('has each setting, its variable and its default', async () => {
    const text = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| `(\w+)` \| `(MCP_\w+)` \| ([^|]+) \|/gm)];
    expect(rows.map((row) => row[1])).toEqual(Object.keys(SETTINGS));
    for (const [, name = '', variable, shown] of rows) {
      const { fallback } = SETTINGS[name as SettingName];
      expect(variable).toBe(variableOf(name));
      if (typeof fallback !== 'function') expect(shown).toBe(`\`${[fallback].flat().join(',')}\``);
    }
  });
});
