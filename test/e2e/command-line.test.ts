import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ServerView, SessionList, SessionView } from '../../src/core/api.ts';
import { systemClock } from '../../src/core/clock.ts';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { connect, textOf } from '../support/mcp-clients.ts';
import { requires } from '../support/requires.ts';
import { Terminal } from '../support/terminal.ts';

const INIT = 'eval "$(mcp-session-manager init)"';
const COMMAND = 'mcp-session-manager';

let manager: TestManager;
beforeAll(async () => {
  manager = await TestManager.start();
});
afterAll(() => manager[Symbol.asyncDispose]());

/** A terminal in the folder of this test; it goes with the test. */
function openTerminal(): Terminal {
  const terminal = new Terminal({ kind: 'tmux', cwd: manager.workspace, env: manager.shellEnv });
  onTestFinished(() => terminal[Symbol.asyncDispose]());
  return terminal;
}

async function openWithSession(): Promise<Terminal> {
  const terminal = openTerminal();
  expect(await terminal.run(INIT)).toMatchObject({ code: 0, stdout: '' });
  return terminal;
}

const sessionIn = async (terminal: Terminal): Promise<SessionView> =>
  JSON.parse((await terminal.run(`${COMMAND} status --json`)).stdout);
const serverIn = async (terminal: Terminal, name: string): Promise<ServerView | undefined> =>
  (await sessionIn(terminal)).servers.find((server) => server.name === name);
const sessionIds = async () =>
  (await manager.api<SessionList>('GET', '/api/sessions')).sessions.map((session) => session.id);

/** What the test server says of the session that it runs in. */
async function sessionBehind(client: Client): Promise<string> {
  const result = await client.callTool({ name: 'counting_whoami', arguments: { name: 'MCP_SESSION_ID' } });
  return (JSON.parse(textOf(result)) as { value: string }).value;
}

/** Runs a stdio client's command as an editor does, which is no terminal. */
async function bridged(command: string, args: string[], env: Record<string, string>): Promise<Client> {
  const client = new Client({ name: 'editor', version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({
      command,
      args,
      env: { ...manager.shellEnv, ...env },
      cwd: manager.root,
      stderr: 'ignore',
    }),
  );
  onTestFinished(() => client.close());
  return client;
}

async function connected(url: string, headers: Record<string, string>): Promise<Client> {
  const client = await connect(url, String(headers.Authorization).replace(/^Bearer /, ''));
  onTestFinished(() => client.close());
  return client;
}

requires('tmux')('in a terminal', () => {
  it('init gives it a session, and status shows a table of its servers', async () => {
    const terminal = openTerminal();
    expect(await terminal.run(`${COMMAND} status`)).toMatchObject({
      code: 5,
      stdout: '',
      stderr: expect.stringContaining('no session in this terminal: run eval "$(mcp-session-manager init)"'),
    });
    const { stderr: summary } = await terminal.run(INIT);
    expect(summary).toMatch(/^Session \S+ in \S+\n {2}filesystem +ready +\d+\n {2}counting +ready +\d+\n$/);
    terminal.type('clear');
    terminal.type(`${COMMAND} status`);
    const screen = await eventually('the table', async () => /^SERVER.*at the latest/ms.exec(terminal.screen())?.[0]);
    expect(screen).toMatch(/^SERVER +STATE +INSTANCE +UPTIME +MEMORY +CPU +LAST ACTIVITY *$/m);
    expect(screen).toMatch(/^filesystem +ready +\d+ +\d+s +[\d.]+ MiB +[\d.]+s +/m);
    expect(screen).toMatch(/^counting +ready +\d+ /m);
    const { id, workspace } = await sessionIn(terminal);
    expect(workspace).toBe(manager.workspace);
    expect(screen).toContain(`session ${id}, workspace ${workspace}`);
  });

  it('headers gives the header that opens this session', async () => {
    const terminal = await openWithSession();
    const { stdout } = await terminal.run(`${COMMAND} headers`);
    const client = await connected(`${manager.url}/mcp`, JSON.parse(stdout));
    expect(await sessionBehind(client)).toBe((await sessionIn(terminal)).id);
  });

  it('start, stop and restart do so with one server, stop --all with all', async () => {
    const terminal = await openWithSession();
    const run = async (command: string) => {
      const { code, stdout, stderr } = await terminal.run(`${COMMAND} ${command}`);
      return { code, said: stdout + stderr };
    };
    const before = await serverIn(terminal, 'filesystem');
    expect(await run('restart filesystem')).toEqual({ code: 0, said: 'filesystem: ready\n' });
    const after = await serverIn(terminal, 'filesystem');
    expect(after?.instance).not.toBe(before?.instance);
    expect(await run('stop filesystem')).toEqual({ code: 0, said: 'filesystem: stopped\n' });
    expect(await manager.instances()).not.toContain(Number(after?.instance));
    expect(await serverIn(terminal, 'counting')).toMatchObject({ state: 'ready' });
    expect(await run('start filesystem')).toEqual({ code: 0, said: 'filesystem: ready\n' });
    expect(await run('stop --all')).toEqual({ code: 0, said: 'filesystem: stopped, counting: stopped\n' });
    expect((await sessionIn(terminal)).servers.map(({ state }) => state)).toEqual(['stopped', 'stopped']);
    const unknown = await run('start nonsense');
    expect(unknown).toEqual({ code: 5, said: expect.stringMatching(/^mcp-session-manager: .*"nonsense".*\n$/) });
    expect(await run('stop')).toEqual({ code: 2, said: expect.stringContaining("'stop --all'") });
  });

  it('end ends the session, and so does the end of the shell', async () => {
    const terminal = await openWithSession();
    const { id } = await sessionIn(terminal);
    expect(await terminal.run(`${COMMAND} end`)).toMatchObject({ code: 0, stdout: `session ${id} ended\n` });
    expect(await sessionIds()).not.toContain(id);
    expect(await terminal.run(`${COMMAND} status`)).toMatchObject({ code: 5 });
    await terminal.run(INIT);
    const next = await sessionIn(terminal);
    expect(await sessionIds()).toContain(next.id);
    terminal.type('exit');
    await terminal.ended();
    expect(await sessionIds()).not.toContain(next.id);
    await eventually('its servers are gone', async () => {
      const left = await manager.instances();
      return next.servers.every(({ instance }) => !left.includes(Number(instance)));
    });
  });

  it('says so in one sentence when the manager does not run', async () => {
    const terminal = await openWithSession();
    await manager.kill('SIGTERM');
    onTestFinished(() => manager.start());
    for (const command of ['status', 'init', 'headers', 'end', 'stop --all', 'cleanup']) {
      expect(await terminal.run(`${COMMAND} ${command}`)).toEqual({
        code: 3,
        stdout: command === 'init' ? "sh -c 'exit 3'\n" : '',
        stderr: expect.stringMatching(/^mcp-session-manager: the manager is not running: [^\n]*'npm start'[^\n]*\n$/),
      });
    }
  });
});

requires('tmux')('mcp-config --write, in two terminals that share the folder', () => {
  let one: Terminal;
  let two: Terminal;
  beforeAll(async () => {
    const setup = { kind: 'tmux', cwd: manager.workspace, env: manager.shellEnv } as const;
    one = new Terminal(setup);
    two = new Terminal(setup);
    const outcomes = await Promise.all([one, two].map((terminal) => terminal.run(INIT)));
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
  });
  afterAll(() => Promise.all([one, two].map((terminal) => terminal?.[Symbol.asyncDispose]())));

  /** Writes a client's configuration and reads it back. */
  async function write(client: string, file: string): Promise<string> {
    expect(await one.run(`${COMMAND} mcp-config --write --client ${client}`)).toMatchObject({ code: 0 });
    const text = readFileSync(join(manager.workspace, file), 'utf8');
    const again = await two.run(`${COMMAND} mcp-config --write --client ${client}`);
    expect(again).toMatchObject({ code: 0, stderr: `${file} is right already\n` });
    for (const terminal of [one, two]) expect(text).not.toContain(await variable(terminal, 'MCP_SESSION_TOKEN'));
    expect(text).not.toContain(manager.credential);
    return text;
  }
  const variable = async (terminal: Terminal, name: string) => (await terminal.run(`printenv ${name}`)).stdout.trim();

  /** Connects as the client does in each of the terminals: each must reach its own session. */
  async function expectOwnSessions(connectIn: (terminal: Terminal) => Promise<Client>): Promise<void> {
    const ids = await Promise.all([one, two].map(async (terminal) => (await sessionIn(terminal)).id));
    expect(new Set(ids).size).toBe(2);
    expect(await Promise.all([one, two].map(async (terminal) => sessionBehind(await connectIn(terminal))))).toEqual(
      ids,
    );
  }

  it('works for Claude Code', async () => {
    const { session } = JSON.parse(await write('claude', '.mcp.json')).mcpServers;
    await expectOwnSessions(async (terminal) => {
      const { stdout } = await terminal.run(`sh -c '${session.headersHelper}'`);
      return connected(session.url, JSON.parse(stdout));
    });
  });

  it('works for Codex', async () => {
    const text = await write('codex', '.codex/config.toml');
    const [, url = ''] = /^url = "(.+)"$/m.exec(text) ?? [];
    const [, name = ''] = /^bearer_token_env_var = "(.+)"$/m.exec(text) ?? [];
    await expectOwnSessions(async (terminal) => {
      return connected(url, { Authorization: `Bearer ${await variable(terminal, name)}` });
    });
  });

  it('works for Gemini CLI', async () => {
    const { session } = JSON.parse(await write('gemini', '.gemini/settings.json')).mcpServers;
    await expectOwnSessions(async (terminal) => {
      const token = await variable(terminal, 'MCP_SESSION_TOKEN');
      const header = String(session.headers.Authorization).replace('$MCP_SESSION_TOKEN', token);
      return connected(session.httpUrl, { Authorization: header });
    });
  });

  it.each([
    ['vscode', '.vscode/mcp.json', 'servers'],
    ['cursor', '.cursor/mcp.json', 'mcpServers'],
  ])('works for %s, whose windows have no terminal: a session for the folder', async (client, file, section) => {
    const text = await write(client, file);
    const { session } = JSON.parse(text.replaceAll('${workspaceFolder}', manager.workspace))[section];
    const editor = await bridged(session.command, session.args, session.env);
    const listed = textOf(await editor.callTool({ name: 'filesystem_list_allowed_directories' }));
    expect(listed).toBe(`Allowed directories:\n${manager.workspace}`);
    const id = await sessionBehind(editor);
    expect(id).toMatch(/_work-/);
    const ids = await Promise.all([one, two].map(async (terminal) => (await sessionIn(terminal)).id));
    expect(ids).not.toContain(id);
  });

  it('touches nothing else in the folder', () => {
    expect(readdirSync(manager.workspace).sort()).toEqual(['.codex', '.cursor', '.gemini', '.mcp.json', '.vscode']);
  });
});

describe('connect, a bridge for clients that speak stdio', () => {
  it.each<[string, NodeJS.Signals, number]>([
    ['died before its answer was a stream', 'SIGKILL', 0],
    ['died when its answer was a stream', 'SIGKILL', 1500],
    ['was stopped in good order', 'SIGTERM', 1500],
  ])('brings the result of a call that ran once, though the manager %s', async (_what, signal, delayMs) => {
    const before = manager.count('sleep');
    const client = await bridged(COMMAND, ['connect', 'counting', '--workspace', manager.workspace], {
      MCP_SESSION_ID: 'bridge',
    });
    const slept = client.callTool({ name: 'sleep', arguments: { seconds: 3 } });
    await eventually('the call runs', async () => manager.count('sleep') > before);
    await systemClock.sleep(delayMs);
    await manager.kill(signal);
    await systemClock.sleep(500); // the bridge meets nobody
    await manager.start();
    expect(textOf(await slept)).toBe('slept 3');
    expect(manager.count('sleep')).toBe(before + 1);
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
  });
});
