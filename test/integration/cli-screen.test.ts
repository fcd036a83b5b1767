import { mkdtemp, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CliIo } from '../../src/cli/io.ts';
import { runCli } from '../../src/cli/main.ts';
import { FakeManager } from '../fakes/fake-manager.ts';
import { cliIo } from '../support/cli-io.ts';
import { eventually } from '../support/eventually.ts';
import { requires } from '../support/requires.ts';
import { TmuxTerminal } from '../support/tmux.ts';

const PROGRAM = fileURLToPath(new URL('../fakes/cli.ts', import.meta.url));
const RUN = `'${process.execPath}' '${PROGRAM}'`;
/** As a terminal is told to write in green. */
const GREEN = '\x1b[32m';

let manager: FakeManager;
let folder: string;
beforeEach(async () => {
  manager = await FakeManager.start();
  folder = await mkdtemp(join(tmpdir(), 'cli-screen-'));
});
afterEach(async () => {
  await manager[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function open(env: Record<string, string> = {}): TmuxTerminal {
  const all = { ...manager.env, HOME: folder, SSH_TTY: '', MCP_SESSION_ID: '', NO_COLOR: '', ...env };
  return new TmuxTerminal({ command: ['sh'], cwd: folder, env: all });
}
const shows = (terminal: TmuxTerminal, text: RegExp) =>
  eventually(String(text), async () => text.exec(terminal.screen())?.[0]);

requires('tmux')('on a screen', () => {
  it('init says how it went, and never shows the token', async () => {
    using terminal = open();
    terminal.type(`${RUN} init`);
    await shows(terminal, /To export its token and URL, .*eval "\$\(mcp-session-manager init\)"/);
    const [id = ''] = manager.sessions.keys();
    expect(terminal.screen()).not.toContain(manager.tokenOf(id));
    expect(terminal.screen()).not.toContain('MCP_SESSION_TOKEN');
  });

  it('a state has a colour, but not with NO_COLOR or on a terminal that only prints', async () => {
    for (const [env, coloured] of [
      [{}, true],
      [{ NO_COLOR: '1' }, false],
      [{ TERM: 'dumb' }, false],
    ] as const) {
      using terminal = open();
      const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      terminal.type(`${settings.join(' ')} ${RUN} init; clear; ${settings.join(' ')} ${RUN} status`);
      await shows(terminal, /^filesystem +ready/m);
      expect([env, terminal.colours().includes(GREEN)]).toEqual([env, coloured]);
    }
  });

  it('what takes its time shows that it goes on, and leaves nothing of that', async () => {
    using terminal = open();
    const asked = Promise.withResolvers<ServerResponse>();
    manager.handlers.set('GET /api/catalogue', (_, response) => asked.resolve(response));
    terminal.type('clear');
    terminal.type(`${RUN} init --lazy`);
    await shows(terminal, /opening a session \(\ds\)/);
    (await asked.promise).end('{"servers":[]}');
    await shows(terminal, /^Session /m);
    expect(terminal.screen()).not.toContain('opening a session');
  });

  it('logs show that they wait for the manager', async () => {
    using terminal = open();
    terminal.type(`${RUN} init --lazy; clear`);
    const id = await eventually('a session', async () => [...manager.sessions.keys()][0]);
    const asked = Promise.withResolvers<ServerResponse>();
    manager.handlers.set(`GET /api/sessions/${id}/logs`, (_, response) => asked.resolve(response));
    terminal.type(`${RUN} logs -f`);
    await shows(terminal, /asking the manager \(\ds\)/);
    (await asked.promise).write('{"time":1,"server":"filesystem","stream":"stderr","text":"hello there"}\n');
    await shows(terminal, /filesystem hello there/);
    expect(terminal.screen()).not.toContain('asking the manager');
  });

  it('login asks for the password without showing it, and ends', async () => {
    using terminal = open();
    const issued = { token: 'a.b.c', expires_in: 900, refresh_token: 'r', role: 'admin' };
    manager.handlers.set('POST /admin/api/login', (_, response) => void response.end(JSON.stringify(issued)));
    terminal.type(`${RUN} login; echo "code $?"`);
    await shows(terminal, /Password:/);
    terminal.type('not to be seen');
    await shows(terminal, /^code 0/m);
    expect(terminal.screen()).toContain('as admin (admin)');
    expect(terminal.screen()).not.toContain('not to be seen');
    expect(manager.requests('POST', '/admin/api/login')[0]?.body.password).toBe('not to be seen');
  });

  it('status --watch draws anew in place, waits for a manager that is away, and ends with the session', async () => {
    using terminal = open();
    terminal.type(`${RUN} init; clear; ${RUN} status --watch; echo "code $?"`);
    await shows(terminal, /^filesystem +ready/m);
    const [session] = manager.sessions.values();
    if (!session) throw new Error('no session');
    manager.sessions.set(session.id, {
      ...session,
      servers: [{ name: 'filesystem', state: 'failed', reason: 'broken' }],
    });
    await shows(terminal, /^filesystem +failed/m);
    expect(terminal.screen().match(/^SERVER/gm)).toHaveLength(1);
    await manager.stop();
    await shows(terminal, /^the manager is not running/m);
    await manager.listen();
    await shows(terminal, /^filesystem +failed/m);
    manager.sessions.clear();
    await shows(terminal, /^code 5/m);
  });
});

describe('what is not a screen', () => {
  /** A stream like a terminal's, and all that was written to it. */
  function terminalStream() {
    const stream = Object.assign(new PassThrough(), { isTTY: true });
    let text = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    return { stream, text: () => text };
  }

  it('a terminal that only prints gets a line, and nothing to write over', async () => {
    const { stream, text } = terminalStream();
    const { io } = cliIo({ env: { ...manager.env, TERM: 'dumb' } });
    manager.handlers.set('GET /api/catalogue', (_, response) => {
      void eventually('the line', async () => text() !== '').then(() => response.end('{"servers":[]}'));
    });
    expect(await runCli(['init', '--shell', 'sh', '--lazy'], { ...io, stderr: stream })).toBe(0);
    expect(text()).toMatch(/^opening a session \.\.\.\nSession /);
    expect(text()).not.toContain('\x1b');
  });

  it('a pipe gets no colours and no progress, and --watch --json one line for each look', async () => {
    const { io, written } = cliIo({ env: manager.env });
    expect(await runCli(['init', '--shell', 'sh'], io)).toBe(0);
    let looks = 0;
    const clock: CliIo['clock'] = {
      ...io.clock,
      sleep: async () => {
        looks += 1;
        if (looks === 2) manager.sessions.clear();
      },
    };
    written.stdout = '';
    expect(await runCli(['status', '--watch', '--json'], { ...io, clock })).toBe(5);
    const lines = written.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ schema }) => schema)).toEqual(Array(2).fill('mcp-session-manager/status/1'));
  });

  it('--watch ends when nobody reads any more', async () => {
    const { io } = cliIo({ env: manager.env });
    await runCli(['init', '--shell', 'sh'], io);
    const stdout = new PassThrough();
    const watching = runCli(['status', '--watch'], { ...io, stdout });
    await eventually('the first look', async () => stdout.read());
    stdout.destroy(new Error('EPIPE'));
    expect(await watching).toBe(0);
  });
});
