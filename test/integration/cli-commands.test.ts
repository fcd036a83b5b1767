import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { FakeManager } from '../fakes/fake-manager.ts';
import type { FakeTerminal } from '../support/cli-io.ts';
import { cliIo } from '../support/cli-io.ts';

let manager: FakeManager;
let folder: string;
beforeEach(async () => {
  manager = await FakeManager.start();
  folder = await mkdtemp(join(tmpdir(), 'cli-commands-'));
});
afterEach(async () => {
  await manager[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function run(command: string, terminal: FakeTerminal = {}) {
  const { io, written } = cliIo({ cwd: folder, ...terminal, env: { ...manager.env, ...terminal.env } });
  const code = await runCli(command.split(' '), io);
  return { code, ...written };
}
const onlySession = () => {
  const [session] = manager.sessions.values();
  if (!session) throw new Error('no session');
  return session;
};

/** What `init` gives a shell to evaluate when it fails. */
const EXIT_3 = "sh -c 'exit 3'\n";

describe('init', () => {
  it('makes the session, exports it and tells the reader of its servers, never of its token', async () => {
    manager.servers = [
      { name: 'filesystem', state: 'ready', instance: '4711' },
      { name: 'proxmox', state: 'failed', unconfigured: true, reason: 'PROXMOX_HOST is not set:\nset it' },
      { name: 'search', state: 'failed', reason: 'it ended' },
    ];
    const { code, stdout, stderr } = await run('init --shell bash');
    expect(code).toBe(0);
    const { id, workspace, terminal } = onlySession();
    expect(workspace).toBe(folder);
    expect(terminal).toEqual({ name: '_dev_pts_7', host: 'here', leader: { pid: 50, startedAt: 'start of 50' } });
    expect(stdout).toContain(`export MCP_SESSION_TOKEN='${manager.tokenOf(id)}' MCP_SESSION_URL='${manager.url}/mcp'`);
    expect(stdout).not.toContain('MCP_SESSION_ID');
    expect(stdout).toContain('[ "$$" = 50 ]');
    expect(stderr).toBe(
      `Session ${id} in ${folder}\n  filesystem  ready         4711\n  proxmox     unconfigured  PROXMOX_HOST is not set: set it\n` +
        '  search      failed        it ended\n',
    );
  });

  it('sends the variables of the catalogue and no others', async () => {
    await run('init --shell bash', { env: { FAKE_TOKEN: 's', OTHER: 'o' } });
    expect(manager.requests('POST', '/api/sessions')[0]?.body.variables).toEqual({ FAKE_TOKEN: 's' });
  });

  it('passes its options on', async () => {
    await run('init --shell fish --workspace sub/dir --keep --lazy --servers a,b');
    const { body } = manager.requests('POST', '/api/sessions')[0] ?? {};
    expect(body).toMatchObject({ workspace: join(folder, 'sub/dir'), keep: true, lazy: true, servers: ['a', 'b'] });
  });

  it('finds the session of its terminal again', async () => {
    await run('init --shell sh');
    expect((await run('init --shell sh')).stderr).toContain('found again');
    expect(manager.sessions.size).toBe(1);
    await run('init --shell sh', { leader: 51 });
    expect(manager.sessions.size).toBe(2);
  });

  it('writes no shell code but its exit code when it fails', async () => {
    const { code, stdout, stderr } = await run('init --workspace /refused');
    expect({ code, stdout, stderr }).toEqual({
      code: 4,
      stdout: "sh -c 'exit 4'\n",
      stderr: 'mcp-session-manager: this workspace is outside\n',
    });
  });

  it('[attack.22] cannot be led to write escape sequences to the terminal', async () => {
    manager.servers = [{ name: 'x', state: 'failed', reason: '\x1b]0;owned\x07' }];
    expect((await run('init --shell bash --workspace \x1b[2Jx')).stderr).not.toMatch(/[^\P{Cc}\n]/u);
  });
});

describe('a manager that cannot be used', () => {
  it.each(['init', 'status', 'headers', 'stop --all', 'cleanup', 'end'])('is reported by %s', async (command) => {
    await manager.stop();
    const { code, stdout, stderr } = await run(command);
    expect({ code, stdout }).toEqual({ code: 3, stdout: command === 'init' ? EXIT_3 : '' });
    expect(stderr).toMatch(/^mcp-session-manager: the manager is not running: .*npm start.*\n$/);
    await manager.listen();
  });

  it('has ended: whoever else listens at the usual port is asked nothing', async () => {
    await rm(join(manager.stateDirectory, 'manager.json'));
    for (const command of ['init', 'mcp-config --write', 'end']) {
      const { code, stdout, stderr } = await run(command);
      expect({ code, stdout }).toEqual({ code: 3, stdout: command === 'init' ? EXIT_3 : '' });
      expect(stderr).toMatch(/the manager is not running: there is no .*manager\.json\. .*npm start/);
    }
  });

  it('has made no credential yet', async () => {
    await rm(join(manager.stateDirectory, 'credential'));
    expect((await run('status')).stderr).toMatch(/credential.*npm start/);
  });

  it('is another program', async () => {
    const { code, stderr } = await run('status', { env: { MCP_SESSION_MANAGER_URL: `${manager.url}/mcp` } });
    expect(code).toBe(1);
    expect(stderr).toContain('MCP_SESSION_MANAGER_URL');
  });

  it('has no address', async () => {
    const { stderr } = await run('status', { env: { MCP_SESSION_MANAGER_URL: 'localhost:8900' } });
    expect(stderr).toContain('$MCP_SESSION_MANAGER_URL does not hold');
  });
});

describe('status', () => {
  it('shows servers, figures, the session, and why a server failed', async () => {
    const now = Date.now();
    manager.servers = [
      {
        name: 'filesystem',
        state: 'ready',
        instance: '4711',
        startedAt: now - 65_000,
        memoryBytes: 52_428_800,
        cpuSeconds: 1.234,
        lastActivityAt: now - 5_000,
      },
      { name: 'proxmox', state: 'failed', reason: 'PROXMOX_HOST is not set', stderr: 'line 1\nline 2\x1b[31m\n' },
      { name: 'search', state: 'failed', unconfigured: true, reason: 'SEARCH_KEY is not set' },
    ];
    await run('init --shell bash');
    const { code, stdout } = await run('status');
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^SERVER +STATE +INSTANCE +UPTIME +MEMORY +CPU +LAST ACTIVITY$/);
    expect(lines[1]).toMatch(/^filesystem +ready +4711 +1m \d+s +50\.0 MiB +1\.23s +\d+s ago$/);
    expect(lines[2]).toMatch(/^proxmox +failed( +-){5}$/);
    expect(lines[3]).toMatch(/^search +unconfigured( +-){5}$/);
    expect(stdout).toContain(`session ${onlySession().id}, workspace ${folder}, 0 connections, ends in`);
    expect(stdout).toContain('proxmox: PROXMOX_HOST is not set\n  | line 1\n  | line 2?[31m\n');
  });

  it('is JSON on request', async () => {
    await run('init --shell bash');
    const schema = 'mcp-session-manager/status/1';
    expect(JSON.parse((await run('status --json')).stdout)).toEqual({ schema, ...onlySession() });
  });

  it('says what to do without a session', async () => {
    const { code, stdout, stderr } = await run('status');
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
    expect(stderr).toContain('no session in this terminal: run');
  });
});

describe('headers', () => {
  const authorization = async (terminal: FakeTerminal = {}) => JSON.parse((await run('headers', terminal)).stdout);

  it('are those of the token that is there, asked once', async () => {
    await run('init --shell bash');
    const token = manager.tokenOf(onlySession().id);
    manager.seen.length = 0;
    expect(await authorization({ env: { MCP_SESSION_TOKEN: token } })).toEqual({ Authorization: `Bearer ${token}` });
    expect(manager.seen).toHaveLength(1);
  });

  it('make a session without init, with its variables, and leave the one that is there as it is', async () => {
    const first = await authorization({ env: { FAKE_HOST: 'h' } });
    expect(await authorization({ cwd: '/elsewhere' })).toEqual(first);
    expect(manager.sessions.size).toBe(1);
    const [made, again] = manager.requests('POST', '/api/sessions');
    expect(made?.body).toMatchObject({ workspace: folder, lazy: true, attach: true, variables: { FAKE_HOST: 'h' } });
    expect(again?.body).toMatchObject({ attach: true });
  });

  it('are of the own session in a terminal that was opened from another', async () => {
    await run('init --shell bash');
    const inherited = manager.tokenOf(onlySession().id);
    const { Authorization } = await authorization({ env: { MCP_SESSION_TOKEN: inherited }, leader: 60 });
    expect(Authorization).not.toBe(`Bearer ${inherited}`);
    expect(manager.sessions.size).toBe(2);
  });

  it.each(['garbage', 'a.b.c', `h.${Buffer.from('{"sid":"../../x"}').toString('base64url')}.s`])(
    'do not stumble over the token %s',
    async (token) => {
      const { Authorization } = await authorization({ env: { MCP_SESSION_TOKEN: token } });
      expect(Authorization).toBe(`Bearer ${manager.tokenOf(onlySession().id)}`);
    },
  );

  it('are new when the session of the token is over', async () => {
    await run('init --shell bash');
    const token = manager.tokenOf(onlySession().id);
    manager.sessions.clear();
    expect((await authorization({ env: { MCP_SESSION_TOKEN: token } })).Authorization).not.toContain(token);
  });
});

describe('servers and sessions', () => {
  it('are started, stopped and restarted', async () => {
    await run('init --shell bash');
    expect(await run('stop filesystem')).toMatchObject({ code: 0, stdout: 'filesystem: stopped\n' });
    expect(await run('start filesystem')).toMatchObject({ code: 0, stdout: 'filesystem: ready\n' });
    expect(await run('restart filesystem')).toMatchObject({ code: 0, stdout: 'filesystem: ready\n' });
    expect(await run('stop --all')).toMatchObject({ code: 0, stdout: 'filesystem: stopped\n' });
    expect(await run('restart --all')).toMatchObject({ code: 0, stdout: 'filesystem: ready\n' });
    expect(manager.requests('POST', '/api/sessions/').map(({ path }) => path.split('/').slice(4).join('/'))).toEqual([
      'servers/filesystem/stop',
      'servers/filesystem/start',
      'servers/filesystem/restart',
      'stop',
      'servers/filesystem/restart',
    ]);
  });

  it.each([
    ['start nosuch', 5, 'There is no server "nosuch"'],
    ['stop', 2, 'stop --all'],
    ['start', 2, 'start --all'],
    ['restart filesystem --all', 2, 'restart --all'],
    ['stop filesystem --all', 2, 'stop --all'],
    ['end --session ../x', 2, 'not the id of a session'],
    ['mcp-config --server a/b', 2, 'not the name of a server'],
    ['mcp-config --write --undo', 2, 'choose one of'],
    ['init --shell tcsh', 2, 'bash, zsh, fish, sh'],
    ['nonsense', 2, "unknown command 'nonsense'"],
    ['log panic filesystem x', 2, 'info, warn, error'],
    ['logs --since yesterday', 2, 'not a time'],
    ['logs --tail -1', 2, 'number of lines'],
    ['sessions show x', 2, 'not the id of a session'],
  ])('"%s" says in one line what is wrong', async (command, expected, message) => {
    await run('init --shell bash');
    const { code, stdout, stderr } = await run(command);
    const failed = command.startsWith('init ') ? `sh -c 'exit ${expected}'\n` : '';
    expect({ code, stdout }).toEqual({ code: expected, stdout: failed });
    expect(stderr).toMatch(/^mcp-session-manager: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });

  it('are started from the catalogue only', async () => {
    manager.launches = { filesystem: { command: 'node', args: ['server.js', '${workspace}'] } };
    await run('init --shell bash --workspace /my/work');
    const start = async (command: string) => {
      const { io, written } = cliIo({ cwd: folder, env: manager.env });
      return { code: await runCli(['start', 'filesystem', command], io), ...written };
    };
    for (const command of [
      'node server.js /my/work',
      '/usr/bin/node "server.js" \'/my/work\'',
      'exec node server.js ${workspace}',
    ]) {
      expect(await start(command)).toEqual({ code: 0, stdout: 'filesystem: ready\n', stderr: '' });
    }
    const begun = manager.requests('POST', '/api/sessions/').length;
    for (const command of ['node server.js /', 'node server.js /my/work; rm x', 'sh -c id']) {
      const { code, stdout, stderr } = await start(command);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(
        /^mcp-session-manager: servers are started from the catalogue only: add .*catalogue\.json.*\n$/,
      );
    }
    expect(manager.requests('POST', '/api/sessions/')).toHaveLength(begun);
  });

  it('end', async () => {
    await run('init --shell bash');
    const { id } = onlySession();
    expect(await run('end')).toMatchObject({ code: 0, stdout: `session ${id} ended\n` });
    expect(await run(`end --session ${id}`)).toMatchObject({ code: 0, stdout: `session ${id} was over already\n` });
    expect(await run(`end --session ${id} --quiet`)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await run('end --quiet')).toEqual({ code: 5, stdout: '', stderr: '' });
  });

  it('are cleaned up', async () => {
    await run('init --shell bash');
    const { id } = onlySession();
    const found = `ended: ${id}, terminal _dev_pts_7, workspace ${folder}, servers filesystem\n`;
    const stdout = `${found}sessions ended: 1; servers without a session ended: 2\n`;
    expect(await run('cleanup')).toEqual({ code: 0, stdout, stderr: '' });
    const json = { schema: 'mcp-session-manager/cleanup/1', dryRun: false, sessions: [id], orphans: 2 };
    expect(JSON.parse((await run('cleanup --json')).stdout)).toEqual(json);
  });

  it('would be cleaned up: what the manager says, sessions and servers without one, and nothing is ended', async () => {
    await run('init --shell bash', { leader: 51 });
    await run('init --shell bash', { leader: 52 });
    const [, dead = ''] = manager.sessions.keys();
    manager.abandoned = [dead];
    const { stdout } = await run('cleanup --dry-run');
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(`^would end: ${dead}, terminal .*, servers filesystem$`),
      'would end: filesystem (4712), of session gone-aaaaaaaaaaaaaaaa, which is over',
      'that would end 1 session, and 1 server without a session',
      '',
    ]);
    const json = JSON.parse((await run('cleanup --dry-run --json')).stdout);
    expect(json).toMatchObject({ dryRun: true, sessions: [dead], orphans: 1, servers: [{ instance: '4712' }] });
    expect(manager.sessions.size).toBe(2);
    expect(manager.requests('POST', '/api/cleanup')).toHaveLength(0);
  });

  it('are listed, shown, restarted and ended', async () => {
    await run('init --shell bash');
    await run('init --shell bash', { leader: 51 });
    const [one = '', two = ''] = manager.sessions.keys();
    for (const command of ['sessions', 'status --all']) {
      const { code, stdout } = await run(command);
      expect(code).toBe(0);
      const rows = stdout.trimEnd().split('\n');
      expect(rows[0]).toMatch(/^SESSION +OWNER +TERMINAL +AGE +ENDS IN +CONNECTIONS +SERVERS +WORKSPACE$/);
      expect(rows.slice(1).map((row) => row.split(' ', 1)[0])).toEqual([one, two]);
    }
    expect(JSON.parse((await run('sessions --json --owner nobody')).stdout)).toEqual({
      schema: 'mcp-session-manager/sessions/1',
      sessions: [],
    });
    expect((await run(`sessions show ${one}`)).stdout).toContain(`session ${one}, workspace ${folder}`);
    expect(await run(`sessions restart ${two}`)).toMatchObject({ code: 0, stdout: 'filesystem: ready\n' });
    const { code, stdout } = await run(`sessions end ${one} ${two}`);
    expect({ code, lines: stdout.trimEnd().split('\n').sort() }).toEqual({
      code: 0,
      lines: [`session ${one} ended`, `session ${two} ended`],
    });
    expect(await run(`sessions show ${one}`)).toMatchObject({ code: 5, stdout: '' });
  });

  it('are listed with why servers do not run, short; not those that nobody has configured', async () => {
    manager.servers = [
      { name: 'filesystem', state: 'ready', instance: '4711' },
      { name: 'mine', state: 'failed', reason: `no image\n"mine:1" ${'x'.repeat(500)}`, stderr: 'words\n' },
      { name: 'late', state: 'pending', reason: 'no place' },
      { name: 'proxmox', state: 'failed', reason: 'PROXMOX_HOST is not set', unconfigured: true },
    ];
    await run('init --shell bash');
    const [id = ''] = manager.sessions.keys();
    const { stdout } = await run('status --all');
    const [, row, gap, ...troubles] = stdout.trimEnd().split('\n');
    expect(row).toContain(' filesystem:ready mine:failed late:pending proxmox:unconfigured ');
    expect(gap).toBe('');
    expect(troubles).toEqual([
      expect.stringMatching(new RegExp(`^${id} mine failed: no image "mine:1" x{100,150}\\.\\.\\.$`)),
      `${id} late pending: no place`,
    ]);
    expect(JSON.parse((await run('status --all --json')).stdout).sessions[0].servers).toEqual(manager.servers);
  });

  it('are in the help, and so is serve', async () => {
    const { code, stdout } = await run('help');
    expect(code).toBe(0);
    for (const name of [
      'init',
      'status',
      'mcp-config',
      'headers',
      'connect',
      'start',
      'stop',
      'restart',
      'cleanup',
      'end',
      'logs',
      'log',
      'log-level',
      'login',
      'logout',
      'whoami',
      'doctor',
      'shell-init',
      'sessions',
      'users',
      'serve',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
  });
});
