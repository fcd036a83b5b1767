import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { KEPT_VERSIONS } from '../../src/config/versions.ts';
import { loadConfig } from '../../src/config.ts';
import { keepConfiguration } from '../../src/roles/configurations.ts';
import { cliIo } from '../support/cli-io.ts';

const HASH = `$scrypt$ln=14,r=8,p=5$${'A'.repeat(22)}$${'B'.repeat(43)}`;
const SECRET = 'very-secret-indeed';

let state: string;
let now: number;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'cli-config-'));
  now = Date.UTC(2026, 10, 21, 12);
});
afterEach(() => rmSync(state, { recursive: true }));

const env = () => ({
  MCP_SESSION_MANAGER_STATE: state,
  MCP_SESSION_MANAGER_CONFIG: path('settings.json'),
  HOME: state,
});
const path = (name: string) => join(state, name);
const put = (name: string, value: unknown) =>
  writeFileSync(path(name), typeof value === 'string' ? value : JSON.stringify(value, null, 2), { mode: 0o600 });
const text = (name: string) => readFileSync(path(name), 'utf8');
async function run(command: string, more: Record<string, string> = {}) {
  const { io, written } = cliIo({ cwd: state, env: { ...env(), ...more } });
  return { code: await runCli(command.split(' '), io), ...written };
}
/** As a manager does that started with what there is. */
function works() {
  now += 60_000;
  const place = { env: env(), cwd: state, uid: process.getuid?.() };
  return keepConfiguration(loadConfig(place), new Map(), now)?.number;
}
const server = (mode: string) => ({
  mcpServers: { search: { command: './search', env: { SEARCH_KEY: SECRET, MODE: mode } } },
});
const account = (name: string, password = HASH) => ({ name, role: 'developer', password });

describe('versions of the configuration', () => {
  beforeEach(() => put('settings.json', { port: 0 }));

  it('[config.kept] are kept when something is another than before, without secrets, for this user alone, so many', () => {
    put('catalogue.json', server('1'));
    put('accounts.json', { accounts: [account('ada')] });
    expect([works(), works()]).toEqual([1, undefined]);
    put('settings.json', { port: 0, store: `redis://:${SECRET}@redis` });
    expect(works()).toBe(2);
    const files = readdirSync(path('configurations'));
    expect(files).toEqual(['1.json', '2.json']);
    for (const file of files) {
      expect(statSync(path(`configurations/${file}`)).mode & 0o777).toBe(0o600);
      for (const secret of [SECRET, HASH]) expect(text(`configurations/${file}`)).not.toContain(secret);
    }
    for (let i = 0; i < KEPT_VERSIONS; i += 1) {
      put('catalogue.json', server(`more ${i}`));
      works();
    }
    expect(readdirSync(path('configurations'))).toHaveLength(KEPT_VERSIONS);
    expect(existsSync(path('configurations/2.json'))).toBe(false);
  });

  it('are those that a manager has written: what else is in the folder is passed over', async () => {
    works();
    for (const [number, strange] of ['{}', 'null', '{"at":1,"files":[{"kind":"x"}]}', '{'].entries())
      put(`configurations/${number + 2}.json`, strange);
    expect((await run('config')).stdout).toMatch(/^VERSION.*\n1 /);
    put('settings.json', { port: 0, idleTtl: '2h' });
    expect(works()).toBe(6);
  });

  it('are listed with what changed, shown, and held against what there is', async () => {
    works();
    put('catalogue.json', server('1'));
    works();
    put('settings.json', { port: 0, idleTtl: '2h' });
    const { stdout } = await run('config');
    expect(stdout.replace(/ +/g, ' ')).toBe(
      [
        'VERSION KEPT CHANGED',
        'now - settings +2 -1 (no manager has worked with it yet)',
        '2 2026-11-21T12:02:00.000Z catalogue new',
        '1 2026-11-21T12:01:00.000Z the first that is kept',
        '',
      ].join('\n'),
    );
    const history = JSON.parse((await run('config history --json')).stdout);
    expect(history).toMatchObject({ schema: 'mcp-session-manager/config/1', versions: [{ number: 2 }, { number: 1 }] });
    expect((await run('config show 2')).stdout).toContain(`catalogue: ${path('catalogue.json')}\n{\n  "mcpServers"`);
    expect((await run('config show')).stdout + (await run('config show 2')).stdout).not.toContain(SECRET);
    expect((await run('config diff 2')).stdout).toContain('+  "port": 0,\n+  "idleTtl": "2h"\n');
    expect(await run('config diff 7')).toMatchObject({ code: 5, stdout: '' });
    expect(await run('config diff last')).toMatchObject({ code: 2, stdout: '' });
    expect((await run('complete -- config diff ')).stdout).toBe('2\n1\n');
  });

  it('are put back: the last that worked when what there is does not, with its secrets, in one step', async () => {
    put('catalogue.json', server('1'));
    const before = text('catalogue.json');
    works();
    const broken = before.replace('"1"', '"2"').replace('},', '}').replace('"./search",', '"./search"');
    put('catalogue.json', broken);
    const preview = await run('config rollback --dry-run');
    expect(preview).toMatchObject({ code: 0, stderr: '' });
    expect(preview.stdout).toMatch(/^\+ +"MODE": "1"$/m);
    expect(preview.stdout).toMatch(/^version 1 would be back: catalogue \+2 -2$/m);
    expect(text('catalogue.json')).toBe(broken);
    const { code, stdout } = await run('config rollback');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `version 1 is back: catalogue +2 -2\n${path('catalogue.json')} (what there was: ${path('catalogue.json')}.replaced)\nnext: start the manager again\n`,
    });
    expect(text('catalogue.json')).toBe(before);
    expect(text('catalogue.json.replaced')).toBe(broken);
    expect(preview.stdout + stdout).not.toContain(SECRET);
    expect(await run('config rollback')).toMatchObject({ code: 5, stdout: '' });
  });

  it('are put back: the one before, when what there is works; that is kept as a version', async () => {
    works();
    put('catalogue.json', server('1'));
    works();
    put('settings.json', { port: 0, idleTtl: '2h' });
    const back = JSON.parse((await run('config rollback 1 --json')).stdout);
    expect(back).toMatchObject({ version: 1, kept: 3, dryRun: false, missing: [], dropped: [] });
    expect(existsSync(path('catalogue.json'))).toBe(false);
    expect(JSON.parse(text('settings.json'))).toEqual({ port: 0 });
    expect((await run('config rollback 3')).code).toBe(0);
    expect(JSON.parse(text('catalogue.json'))).toEqual(server('1'));
    works();
    expect((await run('config rollback')).stdout).toMatch(/^version \d is back/);
  });

  it('[config.kept] bring back no password: accounts keep theirs, and one that was taken away stays away', async () => {
    put('accounts.json', { accounts: [account('ada'), account('bob')] });
    works();
    const other = HASH.replace('BBB', 'CCC');
    put('accounts.json', { accounts: [{ ...account('ada', other), role: 'admin' }] });
    works();
    const { code, stdout } = await run('config rollback 1');
    expect(code).toBe(0);
    expect(stdout).toContain("to do: add bob again ('users add'): passwords are not kept\n");
    expect(stdout).toContain('next: nothing: the manager reads the accounts again by itself\n');
    expect(JSON.parse(text('accounts.json'))).toEqual({ accounts: [account('ada', other)] });
    expect(statSync(path('accounts.json')).mode & 0o777).toBe(0o600);
  });

  it('need a secret that is nowhere written by hand, and are refused until it is', async () => {
    put('catalogue.json', server('1'));
    works();
    rmSync(path('catalogue.json'));
    const { code, stdout } = await run('config rollback');
    expect(code).toBe(1);
    expect(stdout).toContain('to do: write the secret mcpServers.search.env.SEARCH_KEY into ');
    const check = await run('config check');
    expect(check.code).toBe(1);
    expect(check.stdout).toContain('mcpServers.search.env.SEARCH_KEY is a secret that was not kept: write it there');
  });
});

describe('what others wrote', () => {
  it('[attack.17] [attack.23] in a folder, or as a version, leads to no other file', async () => {
    put('settings.json', { port: 0 });
    works();
    const project = path('project');
    mkdirSync(join(project, 'configurations'), { recursive: true });
    const planted = { at: 1, files: [{ kind: 'settings', path: path('settings.json'), text: '{"port": 6666}' }] };
    writeFileSync(join(project, 'configurations', '9.json'), JSON.stringify(planted));
    writeFileSync(join(project, 'catalogue.json'), '{"mcpServers": {"planted": {"command": "x"}}}');
    const { io, written } = cliIo({ cwd: project, env: env() });
    expect(await runCli(['config'], io)).toBe(0);
    expect(await runCli(['config', 'show'], io)).toBe(0);
    expect(written.stdout).not.toMatch(/planted|6666|^9 /m);
    for (const version of ['../project/configurations/9', '9', '..', '1e0', '-1', '__proto__'])
      for (const command of ['show', 'diff', 'rollback'])
        expect([2, 5], `${command} ${version}`).toContain(await runCli(['config', command, version], io));
    expect(JSON.parse(text('settings.json'))).toEqual({ port: 0 });
  });

  it('[attack.22] cannot make a terminal obey', async () => {
    put('settings.json', { port: 0 });
    put('catalogue.json', '{"mcpServers": {"a": {"command": "x\u009b31m\u007f"}}}');
    works();
    put('catalogue.json', '{"mcpServers": {"a": {"command": "\u001b]0;owned\u0007"}}}');
    for (const command of ['show', 'show 1', 'diff 1', 'check', 'rollback --dry-run', 'history'])
      expect((await run(`config ${command}`)).stdout, command).not.toMatch(/[^\P{Cc}\n\t]/u);
  });
});

describe('config check', () => {
  it.each([
    ['settings.json', '{\n  "port": "high"\n}', /line 2: "port" in .* must be a whole number/],
    ['settings.json', '{\n  "pott": 1\n}', /line 2: "pott" in .* is not a setting/],
    ['catalogue.json', '{"mcpServers": {\n"a": {"args": []}}}', /line 2: mcpServers\.a\.command is missing/],
    ['mine.json', '{"mcpServers": {"a": {"command": "x", "files": {"c": "gone"}}}}', /there is no file .*gone/],
    ['accounts.json', '{"accounts": [\n{"name": "a", "role": "king"}]}', /line 2: accounts\.0\.role must be one of/],
    ['proxmox-config.json', '{}', /servers: is missing/],
    ['settings.json', '{"port": 1', /line 1, column 11: a comma is missing|closing } is missing/],
  ])('says what is wrong with %s: %s', async (name, content, problem) => {
    put(name, content);
    const { code, stdout } = await run(`config check ${name}`);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^PROBLEM {2}/);
    expect(stdout).toMatch(problem);
  });

  it('finds nothing wrong where nothing is, whatever the environment says besides', async () => {
    put('settings.json', { port: 1 });
    put('catalogue.json', server('1'));
    for (const name of ['settings.json', 'catalogue.json']) expect((await run(`config check ${name}`)).code).toBe(0);
    expect(await run('config check')).toMatchObject({ code: 0 });
    const wrong = await run('config check', { MCP_SESSION_MANAGER_PORT: 'high', MCP_SESSION_MANAGER_PROT: '1' });
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toMatch(
      /^PROBLEM {2}environment\n {2}\$MCP_SESSION_MANAGER_PORT must.*\n {2}MCP_SESSION_MANAGER_PROT is set/,
    );
    expect(await run('config check absent.json')).toMatchObject({ code: 5, stdout: '' });
  });

  it('says which file nobody can read', async () => {
    mkdirSync(path('catalogue.json'));
    const { code, stdout } = await run('config check', { MCP_SESSION_MANAGER_CONFIG: '' });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^PROBLEM {2}catalogue .*\n {2}.*cannot be read: .*directory/m);
  });

  it.each([
    ['settings', 'MCP_SESSION_MANAGER_CONFIG'],
    ['catalogue', 'MCP_SESSION_MANAGER_CATALOGUE'],
    ['accounts', 'MCP_SESSION_MANAGER_ACCOUNTS_FILE'],
  ])('misses the file of %s that the environment names, whatever the last version worked with', async (kind, name) => {
    put('settings.json', { port: 1 });
    put('catalogue.json', server('1'));
    works();
    expect(await run('config check')).toMatchObject({ code: 0 });
    const { code, stdout } = await run('config check', { [name]: 'absent.json' });
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`^PROBLEM {2}${kind} .*/absent\\.json\\n {2}.*no such file`, 'm'));
  });
});
