import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPeople } from '../../src/config/people-file.ts';
import { openSigningKeys } from '../../src/config/signing-keys.ts';
import { hashPassword } from '../../src/core/password.ts';
import { KEY, KeptLog } from '../support/control-plane.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

let state: string;
let log: SpokenLog;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'people-'));
  log = new SpokenLog();
});
afterEach(() => rmSync(state, { recursive: true }));

/** A log that keeps everything. */
class SpokenLog extends KeptLog {
  readonly said: object[] = [];
  override info(fields?: object, message?: string): void {
    this.said.push({ ...fields, message });
  }
}

const put = (name: string, value: unknown, mode = 0o600) => {
  const file = join(state, name);
  writeFileSync(`${file}.new`, typeof value === 'string' ? value : JSON.stringify(value), { mode });
  chmodSync(`${file}.new`, mode);
  renameSync(`${file}.new`, file); // at once, and seen to be another file
  return file;
};
const open = (files: { accounts?: string; adminPassword?: string } = {}) => openPeople({ state, ...files }, KEY, log);
const names = (people: ReturnType<typeof open>) => people.value.accounts.map(({ name, role }) => `${name} ${role}`);

describe('accounts', () => {
  it('[people.first] are one, at the first start, with a password that nobody else may read; that is said once', () => {
    const { accounts } = open().value;
    const file = join(state, 'admin-password');
    const password = readFileSync(file, 'utf8').trim();
    expect(password.length).toBeGreaterThanOrEqual(24);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(accounts).toMatchObject([{ name: 'admin', role: 'admin', password: { plain: password } }]);
    expect(log.said).toEqual([{ file, account: 'admin', message: expect.stringContaining('it is in this file') }]);
    expect(JSON.stringify([log.said, accounts[0]?.stamp])).not.toContain(password);
    expect(open().value.accounts).toEqual(accounts);
    expect(log.said).toHaveLength(1);
  });

  it('[people.first] have no password that everybody knows, nor one that is short', () => {
    put('admin-password', 'admin123\n');
    expect(() => open()).toThrow(/at least 12 characters/);
    expect(() => open({ adminPassword: join(state, 'absent') })).toThrow(/cannot be read/);
    put('admin-password', 'long enough to be one\n', 0o644);
    expect(() => open()).toThrow(/open to other users/);
  });

  it('come from a file, and change with it, without a start', async () => {
    const password = await hashPassword('x');
    const people = open();
    expect(names(people)).toEqual(['admin admin']);
    put('accounts.json', { accounts: [{ name: 'ada', role: 'operator', password }] });
    expect(names(people)).toEqual(['ada operator']);
    put('accounts.json', { accounts: [{ name: 'ada', role: 'king', password }] });
    expect(names(people)).toEqual(['ada operator']);
    expect(log.warnings).toEqual(['a changed file cannot be used: nothing changes']);
    const stamp = people.value.accounts[0]?.stamp;
    put('accounts.json', { accounts: [{ name: 'ada', role: 'operator', password: await hashPassword('x') }] });
    expect(people.value.accounts[0]?.stamp).not.toBe(stamp);
  });

  it('are refused at the start with all that is wrong, and no value', async () => {
    const password = await hashPassword('x');
    const secret = 'hunter2hunter2';
    for (const [value, problem] of [
      [`{"accounts": "${secret}`, 'not valid JSON'],
      [{ accounts: [{ name: 'a', role: 'admin', password: secret }] }, 'accounts.0.password must be a scrypt hash'],
      [{ accounts: [{ name: 'a', role: 'root', password }] }, 'accounts.0.role must be one of admin'],
      [{ accounts: [{ name: 'owner', role: 'admin', password }] }, 'must not be "owner"'],
      [{ accounts: [{ name: 'a\nb', role: 'admin', password }] }, 'must be letters'],
      [{ accounts: [1, 2].map(() => ({ name: 'a', role: 'admin', password })) }, 'the same name twice'],
      [{ acounts: [] }, 'unknown fields: acounts'],
      [
        { oidc: { issuer: 'http://idp.example', audience: 'a', jwksUrl: 'https://x', roles: {} } },
        'must be an https URL',
      ],
    ] as const) {
      const file = put('accounts.json', value);
      expect(() => open()).toThrow(problem);
      expect(() => open({ accounts: file })).toThrow(problem);
      expect(() => open()).not.toThrow(secret);
    }
    expect(() => open({ accounts: join(state, 'absent.json') })).toThrow(/absent.json cannot be read/);
  });
});

describe('the address of an issuer’s keys', () => {
  it('[attack.15] is fetched, encrypted, and reaches no file and no program', () => {
    for (const jwksUrl of [
      'file:///etc/passwd',
      'http://idp.example/keys',
      'data:,{}',
      '$(id)',
      'https://u:p@idp.example',
    ]) {
      put('accounts.json', { oidc: { issuer: 'https://idp.example', audience: 'a', jwksUrl, roles: {} } });
      expect(() => open(), jwksUrl).toThrow('oidc.jwksUrl must be an https URL');
    }
  });
});

describe('keys of tokens', () => {
  const derived = Buffer.alloc(32, 5);
  const keys = (given?: string) => openSigningKeys({ state, ...(given ? { given } : {}) }, derived, log);
  const kids = (all: ReturnType<typeof keys>) => all.value.map(({ kid }) => kid);

  it('[people.rotation] are the derived one, or those of the file, read again when it changes', () => {
    const all = keys();
    expect(all.value).toEqual([{ kid: 'deployment', secret: derived }]);
    put('admin-keys.json', { keys: [{ kid: 'a', secret: 's'.repeat(32) }, { kid: 'deployment' }] });
    expect(all.value).toEqual([
      { kid: 'a', secret: Buffer.from('s'.repeat(32)) },
      { kid: 'deployment', secret: derived },
    ]);
    put('admin-keys.json', '{"keys": []}');
    expect(kids(all)).toEqual(['a', 'deployment']);
    expect(log.warnings).toHaveLength(1);
  });

  it('[people.key-size] are refused at the start if they are shorter than 32 bytes', () => {
    const file = put('mine.json', { keys: [{ kid: 'a', secret: 's'.repeat(31) }] });
    expect(() => keys(file)).toThrow(/keys.0.secret must have at least 32 bytes/);
    put('mine.json', { keys: [{ kid: 'a' }] });
    expect(() => keys(file)).toThrow(/must have a secret/);
    put('mine.json', { keys: [{ kid: 'deployment', secret: 's'.repeat(32) }] });
    expect(() => keys(file)).toThrow(/must have none/);
    put('mine.json', { keys: ['a', 'a'].map((kid) => ({ kid, secret: 's'.repeat(32) })) });
    expect(() => keys(file)).toThrow(/the same kid twice/);
  });

  it('[people.key-size] keep the program from starting, which says why in one line', () => {
    const file = put('mine.json', { keys: [{ kid: 'a', secret: 'short' }] });
    const env = {
      PATH: process.env.PATH,
      HOME: state,
      MCP_SESSION_MANAGER_STATE: join(state, 'state'),
      MCP_SESSION_MANAGER_RUNTIME_ROOT: join(state, 'run'),
      MCP_SESSION_MANAGER_PORT: '0',
      MCP_SESSION_MANAGER_ADMIN_KEYS_FILE: file,
    };
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'serve'], { env, encoding: 'utf8', timeout: 20_000 });
    expect(status).toBe(1);
    expect(stderr).toContain(`${file} is not valid`);
    expect(stderr).toContain('keys.0.secret must have at least 32 bytes');
    expect(stderr).not.toContain('short"');
  });
});
