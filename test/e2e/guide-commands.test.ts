import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { SessionList, SessionView } from '../../src/core/api.ts';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { requires } from '../support/requires.ts';
import { Terminal } from '../support/terminal.ts';

/** A server that is never ready: it says nothing and waits. */
const SILENT = { command: 'node', args: ['-e', 'setInterval(() => {}, 1000)'] };
const COMMAND = 'mcp-session-manager.sh';

let manager: TestManager;
beforeAll(async () => {
  manager = await TestManager.start({ servers: { silent: SILENT } });
});
afterAll(() => manager[Symbol.asyncDispose]());

function open(): Terminal {
  const terminal = new Terminal({ kind: 'tmux', cwd: manager.workspace, env: manager.shellEnv });
  onTestFinished(() => terminal[Symbol.asyncDispose]());
  return terminal;
}
const sessions = async () => (await manager.api<SessionList>('GET', '/api/sessions')).sessions;

requires('tmux')('as the guide has them', () => {
  it('init, start, stop, status and cleanup work as written', async () => {
    const terminal = open();
    terminal.type(`${COMMAND} init --servers filesystem,counting`);
    await eventually('init is done', async () => terminal.screen().includes('To export its token'));
    const run = async (line: string) => terminal.run(`${COMMAND} ${line}`);
    expect((await run('status')).stdout).toMatch(/^filesystem +ready +\d+ /m);
    expect(await run('stop filesystem')).toMatchObject({ code: 0, stdout: 'filesystem: stopped\n' });
    expect(await run('start filesystem')).toMatchObject({ code: 0, stdout: 'filesystem: ready\n' });
    const foreign = await run(`start filesystem 'node /tmp/other.js ${manager.workspace}'`);
    expect(foreign).toMatchObject({ code: 1, stdout: '' });
    expect(foreign.stderr).toMatch(
      /^mcp-session-manager: servers are started from the catalogue only: .*catalogue\.json.*\n$/,
    );
    expect((await run('cleanup')).stdout).toMatch(/^sessions ended: 0; servers without a session ended: 0\n$/);
  });

  it('logs are followed while an entry is written, and doctor finds nothing wrong', async () => {
    const terminal = open();
    await terminal.run('eval "$(mcp-session-manager init --servers counting)"');
    await terminal.run('eval "$(mcp-session-manager shell-init --shell bash)"');
    expect(await terminal.run('mcp_warn counting "the backup is late"')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await terminal.run(`${COMMAND} logs counting --since 10m`)).stdout).toMatch(
      /Z counting warn the backup is late$/m,
    );
    const follower = open();
    const [{ id = '' } = {}] = (await sessions()).filter(({ servers }) => servers[0]?.name === 'counting');
    follower.type(`clear; ${COMMAND} logs -f --session ${id} --tail 0`);
    await eventually('an entry is followed', async () => {
      await terminal.run('mcp_error counting "it is later now"');
      return follower.screen().includes('counting error it is later now');
    });
    const { code, stdout } = await terminal.run(`${COMMAND} doctor`);
    expect([code, stdout.match(/^PROBLEM.*$/gm)]).toEqual([0, null]);
  });
});

describe('an administrator', () => {
  it('logs in with the password that the first start has made, and sees what everybody has', async () => {
    await using terminal = new Terminal({ kind: 'detached', cwd: manager.workspace, env: manager.shellEnv });
    const run = async (line: string) => terminal.run(`mcp-session-manager ${line}`);
    const { session } = await manager.open();
    expect(await run('sessions recover')).toMatchObject({ code: 2 });
    expect(await run(`sessions recover ${session.id}`)).toMatchObject({ code: 4, stdout: '' });
    expect(await run(`login --password-file ${manager.state}/admin-password`)).toMatchObject({ code: 0, stderr: '' });
    expect((await run('whoami')).stdout).toBe(`admin (admin) at ${manager.url}\n`);
    const seen = JSON.parse((await run('status --all --json')).stdout) as SessionList;
    expect(seen.sessions.map(({ id }) => id)).toContain(session.id);
    expect(await run(`sessions recover ${session.id}`)).toMatchObject({ code: 0 });
    expect((await run('users')).stdout).toBe('USER   ROLE\nadmin  admin\n');
    expect(await run(`sessions restart ${session.id} counting`)).toMatchObject({
      code: 0,
      stdout: 'counting: ready\n',
    });
    expect(await run(`sessions end ${session.id}`)).toMatchObject({ code: 0 });
    expect(await run(`sessions show ${session.id}`)).toMatchObject({ code: 5 });
    expect(await run('logout')).toMatchObject({ code: 0 });
    expect(await run('cleanup --all')).toMatchObject({ code: 4 });
  });
});

describe('what is closed leaves nothing', () => {
  requires('tmux')('a terminal', () => {
    it.each(['SIGHUP', 'SIGKILL'] as const)('that goes by %s while its servers are still starting', async (signal) => {
      const terminal = open();
      const before = new Set((await sessions()).map(({ id }) => id));
      terminal.type('eval "$(mcp-session-manager init --servers silent,counting)"');
      const mine = await eventually<SessionView | undefined>('the session', async () =>
        (await sessions()).find(({ id }) => !before.has(id)),
      );
      terminal.kill(signal);
      await terminal.ended();
      await eventually('its session is over', async () => !(await sessions()).some(({ id }) => id === mine.id), 30_000);
      await eventually('no directory is left', async () => !existsSync(`${manager.runtimeRoot}/pids/${mine.id}`));
    });
  });
});
