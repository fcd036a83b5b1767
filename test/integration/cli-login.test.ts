import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CliIo } from '../../src/cli/io.ts';
import { runCli } from '../../src/cli/main.ts';
import { verifyPassword } from '../../src/core/password.ts';
import { FakeManager, type Handler } from '../fakes/fake-manager.ts';
import { cliIo } from '../support/cli-io.ts';

const PASSWORD = 'correct horse battery';
let manager: FakeManager;
beforeEach(async () => {
  manager = await FakeManager.start();
  issue('POST /admin/api/login', 'first');
});
afterEach(() => manager[Symbol.asyncDispose]());

const json =
  (status: number, body: object): Handler =>
  (_, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

function issue(what: string, token: string, seconds = 900): void {
  const body = { token, status: 'success', expires_in: seconds, refresh_token: `${token}-refresh`, role: 'operator' };
  manager.handlers.set(what, json(200, body));
}

async function run(command: string, stdin = '', change: Partial<CliIo> = {}) {
  const { io, written } = cliIo({ env: manager.env, stdin: Readable.from([stdin]) });
  const code = await runCli(command.split(' '), { ...io, ...change });
  return { code, ...written };
}
const loginFile = () => join(manager.stateDirectory, 'login.json');

describe('login', () => {
  it('reads the password from stdin or a file, sends it once, and keeps only tokens, for this user alone', async () => {
    const file = join(manager.stateDirectory, 'password');
    await writeFile(file, `${PASSWORD}\n`);
    for (const [command, stdin] of [
      ['login --username ann', `${PASSWORD}\n`],
      ['login --username ann --password-file -', PASSWORD],
      [`login --username ann --password-file ${file}`, ''],
    ] as const) {
      const { code, stdout } = await run(command, stdin);
      expect({ code, stdout }).toEqual({ code: 0, stdout: `logged in at ${manager.url} as ann (operator)\n` });
    }
    const asked = manager.requests('POST', '/admin/api/login');
    expect(asked.map(({ body }) => body)).toEqual(Array(3).fill({ username: 'ann', password: PASSWORD }));
    expect(await readFile(loginFile(), 'utf8')).not.toContain(PASSWORD);
    expect((await stat(loginFile())).mode & 0o777).toBe(0o600);
  });

  it('asks at a terminal, and does not show what is typed', async () => {
    // What is typed is shown until the terminal is told not to.
    const seen: unknown[] = [];
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => void seen.push(on) });
    const stderr = new PassThrough().on('data', (text: Buffer) => seen.push(String(text)));
    stdin.write('wrong\x7f\x7f\x7f\x7f\x7f');
    stdin.write(`${PASSWORD}\r`);
    const { code, stdout } = await run('login', '', { stdin, stderr });
    expect({ code, seen }).toEqual({ code: 0, seen: [true, 'Password: ', false, '\n'] });
    expect(stdout).not.toContain(PASSWORD);
    expect(manager.requests('POST', '/admin/api/login')[0]?.body).toEqual({ username: 'admin', password: PASSWORD });
  });

  it('is given up with Ctrl-C, and without a password', async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    stdin.write('half\x03');
    expect(await run('login', '', { stdin })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing was sent'),
    });
    expect(await run('login', '\n')).toMatchObject({ code: 2, stderr: expect.stringContaining('no password') });
    expect(manager.requests('POST', '/admin/api/login')).toEqual([]);
  });

  it('takes no password as an argument', async () => {
    expect(await run('login --password secret')).toMatchObject({ code: 2 });
    expect(await run('login secret')).toMatchObject({ code: 2 });
  });

  it.each([
    [401, { error: 'wrong name or password' }, 4, 'wrong name or password'],
    [401, { error: { code: 'auth.invalid', message: 'wrong name or password' } }, 4, 'wrong name or password'],
    [429, { error: { code: 'auth.throttled', message: 'too many attempts' } }, 1, 'too many attempts'],
    [503, { error: { code: 'of.tomorrow', message: 'not now' } }, 3, 'not now'],
  ])('says why it is refused with %s %j', async (status, body, code, message) => {
    manager.handlers.set('POST /admin/api/login', json(status, body));
    expect(await run('login', PASSWORD)).toEqual({ code, stdout: '', stderr: `mcp-session-manager: ${message}\n` });
  });

  it('takes a token of another issuer', async () => {
    manager.handlers.set('GET /admin/api/whoami', json(200, { name: 'oidc:ann', role: 'admin' }));
    const { stdout } = await run('login --token-file -', 'a.b.c\n');
    expect(stdout).toBe(`logged in at ${manager.url} as oidc:ann (admin)\n`);
    expect(manager.requests('GET', '/admin/api/whoami')[0]?.headers.authorization).toBe('Bearer a.b.c');
  });
});

describe('a login', () => {
  it('is made longer when it runs out, and used', async () => {
    issue('POST /admin/api/login', 'first', 10);
    issue('POST /admin/api/refresh-token', 'second');
    manager.handlers.set('GET /admin/api/whoami', json(200, { name: 'ann', role: 'operator' }));
    await run('login --username ann', PASSWORD);
    expect(await run('whoami')).toEqual({ code: 0, stdout: `ann (operator) at ${manager.url}\n`, stderr: '' });
    expect(manager.requests('POST', '/admin/api/refresh-token').map(({ body }) => body)).toEqual([
      { refresh_token: 'first-refresh' },
    ]);
    expect(manager.requests('GET', '/admin/api/whoami')[0]?.headers.authorization).toBe('Bearer second');
    await run('whoami');
    expect(manager.requests('POST', '/admin/api/refresh-token')).toHaveLength(1);
  });

  it('that two commands make longer at once is taken from the quicker one', async () => {
    issue('POST /admin/api/login', 'first', 10);
    await run('login', PASSWORD);
    const kept = JSON.parse(await readFile(loginFile(), 'utf8'));
    manager.handlers.set('POST /admin/api/refresh-token', (seen, response) => {
      const other = { ...kept, token: 'of the other', expiresAt: Date.now() + 900_000 };
      void writeFile(loginFile(), JSON.stringify(other)).then(() => json(401, { error: 'used up' })(seen, response));
    });
    manager.handlers.set('GET /admin/api/whoami', json(200, { name: 'admin', role: 'admin' }));
    expect(await run('whoami')).toMatchObject({ code: 0 });
    expect(manager.requests('GET', '/admin/api/whoami')[0]?.headers.authorization).toBe('Bearer of the other');
  });

  it('that has lapsed says what to do', async () => {
    issue('POST /admin/api/login', 'first', 1);
    await run('login', PASSWORD);
    manager.handlers.set('POST /admin/api/refresh-token', json(401, { error: 'expired' }));
    expect(await run('whoami')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("'mcp-session-manager login'"),
    });
  });

  it('has not lapsed because nobody can make it longer at the moment', async () => {
    issue('POST /admin/api/login', 'first', 10);
    await run('login', PASSWORD);
    const code = 'store.unavailable';
    const away = json(503, { error: { code, message: 'Redis cannot be used' } });
    manager.handlers.set('POST /admin/api/refresh-token', away);
    expect(await run('whoami')).toMatchObject({ code: 3, stderr: expect.stringContaining('Redis cannot be used') });
  });

  it('is shown to its own manager only', async () => {
    await run('login', PASSWORD);
    await using other = await FakeManager.start();
    const { code, stdout } = await run('whoami', '', {
      env: { ...manager.env, MCP_SESSION_MANAGER_URL: other.url },
    });
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('no account is logged in') });
    expect(JSON.stringify(other.seen)).not.toContain('first');
  });

  it('lists the sessions of everybody, page by page', async () => {
    await run('init --shell bash');
    const [session] = manager.sessions.values();
    await run('login', PASSWORD);
    manager.handlers.set('GET /admin/api/sessions', ({ path }, response) => {
      const after = new URLSearchParams(path.split('?')[1]).get('after');
      const item = { ...session, id: `${after ?? 'one'}-aaaaaaaaaaaaaaaa`, owner: 'somebody' };
      json(200, { items: [item], ...(after ? {} : { next: 'two' }) })({} as never, response);
    });
    const { stdout } = await run('sessions');
    expect(stdout.match(/^\w+-a{16} +somebody/gm)).toHaveLength(2);
    expect(await run('sessions list --owner nobody --json')).toMatchObject({ code: 0 });
    expect(manager.requests('GET', '/admin/api/sessions').at(-1)?.path).toContain('owner=nobody');
  });

  it('opens sessions where the owner’s credential is not, and only there', async () => {
    await run('login', PASSWORD);
    const bearers = () =>
      new Set(manager.requests('POST', '/api/sessions').map(({ headers }) => headers.authorization));
    await run('init --shell bash');
    expect(bearers()).toEqual(new Set(['Bearer owner-secret']));
    await rm(join(manager.stateDirectory, 'credential'));
    manager.handlers.set('GET /api/catalogue', json(200, { servers: [] }));
    manager.seen.length = 0;
    await run('init --shell bash');
    expect(bearers()).toEqual(new Set(['Bearer first']));
    await rm(loginFile());
    expect(await run('init --shell bash')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('mcp-session-manager login'),
    });
  });

  it('is taken back by logout', async () => {
    await run('login', PASSWORD);
    manager.handlers.set('POST /admin/api/logout', json(200, { message: 'Logged out' }));
    expect(await run('logout')).toEqual({ code: 0, stdout: `logged out at ${manager.url}\n`, stderr: '' });
    expect(manager.requests('POST', '/admin/api/logout')[0]?.headers.authorization).toBe('Bearer first');
    await expect(stat(loginFile())).rejects.toThrow('ENOENT');
    expect(await run('logout')).toMatchObject({ code: 0, stdout: 'nobody was logged in\n' });
  });

  it('is forgotten even if the manager cannot be told, which is said', async () => {
    await run('login', PASSWORD);
    manager.handlers.set(
      'POST /admin/api/logout',
      json(503, { error: { code: 'store.unavailable', message: 'away' } }),
    );
    expect(await run('logout')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('good until they lapse (away)'),
    });
    await expect(stat(loginFile())).rejects.toThrow('ENOENT');
  });

  it.each(['sessions refresh', 'sessions recover fake-aaaaaaaaaaaaaaaa', 'cleanup --all'])(
    'is needed for %s',
    async (command) => {
      expect(await run(command)).toMatchObject({
        code: 4,
        stderr: expect.stringContaining('mcp-session-manager login'),
      });
    },
  );
});

describe('users', () => {
  const accounts = async () => JSON.parse(await readFile(join(manager.stateDirectory, 'accounts.json'), 'utf8'));

  it('are added beside the administrator that the manager has made, with passwords that nobody can read', async () => {
    await writeFile(join(manager.stateDirectory, 'admin-password'), 'made by the manager\n');
    expect(await run('users add ann --role operator', `${PASSWORD}\n`)).toMatchObject({ code: 0, stderr: '' });
    expect(await run('users')).toMatchObject({ stdout: 'USER   ROLE\nadmin  admin\nann    operator\n' });
    const written = await accounts();
    expect(JSON.stringify(written)).not.toContain(PASSWORD);
    const passwordFile = join(manager.stateDirectory, 'admin-password');
    expect(written.accounts[0]).toEqual({ name: 'admin', role: 'admin', passwordFile });
    expect(await verifyPassword(PASSWORD, written.accounts[1].password)).toBe(true);
    expect((await stat(join(manager.stateDirectory, 'accounts.json'))).mode & 0o777).toBe(0o600);
  });

  it('get another password, are removed, and all else in the file stays', async () => {
    const oidc = { issuer: 'https://issuer.example' };
    await run('users add root --role admin', PASSWORD);
    const file = join(manager.stateDirectory, 'accounts.json');
    await writeFile(file, JSON.stringify({ ...(await accounts()), oidc }));
    await chmod(file, 0o600);
    await run('users add ann', PASSWORD);
    expect(await run('users password ann', 'another long one')).toMatchObject({ code: 0 });
    const [, ann] = (await accounts()).accounts;
    expect(await verifyPassword('another long one', ann.password)).toBe(true);
    expect(await run('users remove ann')).toMatchObject({ code: 0, stdout: 'user ann removed\n' });
    expect(await accounts()).toMatchObject({ accounts: [{ name: 'root' }], oidc });
    expect(await run('users remove root')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('only administrator'),
    });
  });

  it.each([
    ['users add owner', PASSWORD, 2, 'cannot be'],
    ['users add ../x', PASSWORD, 2, 'cannot be'],
    ['users add ann', 'short', 2, 'at least 12'],
    ['users add ann --role king', PASSWORD, 2, 'admin, operator, developer'],
    ['users password nobody', PASSWORD, 5, 'no user "nobody"'],
    ['users remove nobody', '', 5, 'no user "nobody"'],
  ])('"%s" with %j says what is wrong', async (command, stdin, code, message) => {
    const done = await run(command, stdin);
    expect(done).toMatchObject({ code, stdout: '' });
    expect(done.stderr).toContain(message);
    await expect(accounts()).rejects.toThrow('ENOENT');
  });

  it('are those of the manager for whoever is logged in', async () => {
    await run('login', PASSWORD);
    manager.handlers.set('GET /admin/api/users', json(200, { users: [{ name: 'ann', role: 'admin' }] }));
    expect(JSON.parse((await run('users --json')).stdout)).toEqual({
      schema: 'mcp-session-manager/users/1',
      users: [{ name: 'ann', role: 'admin' }],
    });
  });
});
