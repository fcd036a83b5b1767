import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import type { SessionList, SessionView } from '../../src/core/api.ts';
import { ProxmoxSimulator } from '../fakes/proxmox/simulator.ts';
import { guest } from '../fakes/proxmox/standard-cluster.ts';
import { listeningOf } from '../support/listening.ts';
import { TestManager } from '../support/manager.ts';
import { connect, textOf } from '../support/mcp-clients.ts';
import { processesOf } from '../support/processes-of.ts';
import { requires } from '../support/requires.ts';
import { Terminal } from '../support/terminal.ts';

const TERMINALS = 20;
/** These are pseudo terminals; the others are shells without one. */
const UNDER_TMUX = 4;
const numbers = Array.from({ length: TERMINALS }, (_, i) => i);

/** What one terminal has of its own. */
const vmidOf = (i: number) => 1000 + i;
const tokenIdOf = (i: number) => `terminal-${i}`;
const SECRETS = '0a1b2c3d-0000-4000-8000';
const secretOf = (i: number) => `${SECRETS}-${String(i).padStart(12, '0')}`;
const fileOf = (i: number) => `only-in-${i}.txt`;

interface OpenTerminal {
  readonly terminal: Terminal;
  readonly workspace: string;
  readonly session: SessionView;
  readonly client: Client;
}

/** A Proxmox host with a guest and an API token for each terminal. */
function startPve(): Promise<ProxmoxSimulator> {
  return ProxmoxSimulator.start({
    state: { guests: new Map(numbers.map((i) => [vmidOf(i), guest({ vmid: vmidOf(i) })])) },
    tokens: Object.fromEntries(numbers.map((i) => [`root@pam!${tokenIdOf(i)}`, secretOf(i)])),
  });
}

function startManager(pve: ProxmoxSimulator): Promise<TestManager> {
  const [name, server] = Object.entries(template.servers)[0] ?? [];
  const config = { ...template, servers: { [String(name)]: { ...server, port: pve.port } } };
  return TestManager.start({
    servers: {
      counting: null,
      proxmox: {
        module: '${dist}/servers/proxmox.js',
        variables: ['PROXMOX_HOST', 'PROXMOX_USER', 'PROXMOX_TOKEN'],
        files: { 'proxmox-config.json': 'proxmox-config.json' },
      },
    },
    files: { 'proxmox-config.json': JSON.stringify(config) },
    // Whatever is to be tidied up is left to `cleanup`.
    env: { MCP_SESSION_MANAGER_RECONCILE_INTERVAL: '1h' },
  });
}

/** @param shells gets the new shell, whatever becomes of the rest */
async function openTerminal(manager: TestManager, i: number, shells: Terminal[]): Promise<OpenTerminal> {
  const workspace = join(manager.workspace, String(i));
  mkdirSync(workspace);
  writeFileSync(join(workspace, fileOf(i)), `of ${i}`);
  const env = {
    ...manager.shellEnv,
    PROXMOX_HOST: '127.0.0.1',
    PROXMOX_USER: 'root@pam',
    PROXMOX_TOKEN: `${tokenIdOf(i)}=${secretOf(i)}`,
  };
  const terminal = new Terminal({ kind: i < UNDER_TMUX ? 'tmux' : 'detached', cwd: workspace, env });
  shells.push(terminal);
  const { stderr } = await terminal.run('eval "$(mcp-session-manager init)"');
  const { stdout: exported } = await terminal.run('echo "$MCP_SESSION_URL" "$MCP_SESSION_TOKEN"');
  const [url, token] = exported.trim().split(' ');
  if (!url || !token) throw new Error(`init in terminal ${i}: ${stderr}`);
  const session: SessionView = JSON.parse((await terminal.run('mcp-session-manager status --json')).stdout);
  return { terminal, workspace, session, client: await connect(url, token) };
}

/** What is under the runtime root for any of these sessions. */
function directoriesOf(manager: TestManager, terminals: readonly OpenTerminal[]): string[] {
  const paths = readdirSync(manager.runtimeRoot, { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => terminals.some(({ session }) => path.includes(session.id)));
}

requires('proc')('on Linux', () => {
  requires('tmux')(`${TERMINALS} terminals at once, each with both servers`, () => {
    let pve: ProxmoxSimulator;
    let manager: TestManager;
    let terminals: OpenTerminal[] = [];
    const shells: Terminal[] = [];
    beforeAll(async () => {
      pve = await startPve();
      manager = await startManager(pve);
      terminals = await Promise.all(numbers.map((i) => openTerminal(manager, i, shells)));
    }, 90_000);
    afterAll(async () => {
      await Promise.all(terminals.map(({ client }) => client.close()));
      await Promise.all(shells.map((shell) => shell[Symbol.asyncDispose]()));
      await manager?.[Symbol.asyncDispose]();
      await pve?.[Symbol.asyncDispose]();
    });

    it('[isolation] each sees its own workspace and no other', async () => {
      const answers = await Promise.all(
        terminals.map(async ({ client, workspace }, i) => {
          const other = terminals[(i + 1) % TERMINALS]?.workspace ?? '';
          const list = (path: string) => client.callTool({ name: 'filesystem_list_directory', arguments: { path } });
          return { own: textOf(await list(workspace)), other: textOf(await list(other)) };
        }),
      );
      expect(answers.map(({ own }) => own)).toEqual(numbers.map((i) => `[FILE] ${fileOf(i)}`));
      for (const { other } of answers) expect(other).toContain('Access denied');
    });

    it('each logs in to Proxmox with its own token', async () => {
      const results = await Promise.all(
        terminals.map(({ client }, i) =>
          client.callTool({ name: 'proxmox_pve_guest_status', arguments: { vmid: vmidOf(i) } }),
        ),
      );
      expect(results.map((result) => result.isError ?? false)).toEqual(numbers.map(() => false));
      const tokens = numbers.map((i) => pve.seen.filter(({ path }) => path.includes(`/qemu/${vmidOf(i)}/`)));
      expect(tokens.map((seen) => seen.map(({ token }) => token))).toEqual(
        numbers.map((i) => [`root@pam!${tokenIdOf(i)}`]),
      );
    });

    it('[attack.11] no two share a session or a process, none listens on a port, none shows a secret', async () => {
      const pids = terminals.flatMap(({ session }) => session.servers.map(({ instance }) => Number(instance)));
      expect(new Set(terminals.map(({ session }) => session.id)).size).toBe(TERMINALS);
      expect(new Set(pids).size).toBe(2 * TERMINALS);
      const instances = await manager.instances();
      expect(instances).toEqual(expect.arrayContaining(pids));
      // The filesystem server is a child of its host.
      expect(instances.length).toBeGreaterThanOrEqual(3 * TERMINALS);
      expect(listeningOf(manager.pid)).toHaveLength(1);
      expect(instances.flatMap(listeningOf)).toEqual([]);
      const exposed = await processesOf(SECRETS);
      expect(exposed).toEqual(expect.arrayContaining(terminals.map(({ terminal }) => terminal.pid)));
      expect(exposed.filter((pid) => instances.includes(pid))).toEqual([]);
    });

    it('[orphans.none] half of them exit, half die by SIGKILL: after one cleanup nothing is left', async () => {
      const leaving = terminals.filter((_, i) => i % 2 === 0);
      const killed = terminals.filter((_, i) => i % 2 === 1);
      expect(directoriesOf(manager, terminals).length).toBeGreaterThanOrEqual(TERMINALS);
      for (const { terminal } of leaving) terminal.type('exit');
      for (const { terminal } of killed) terminal.kill('SIGKILL');
      await Promise.all(terminals.map(({ terminal }) => terminal.ended()));
      const { sessions } = await manager.api<SessionList>('GET', '/api/sessions');
      expect(sessions.map(({ id }) => id).sort()).toEqual(killed.map(({ session }) => session.id).sort());

      await using another = new Terminal({ kind: 'detached', cwd: manager.workspace, env: manager.shellEnv });
      const { stdout } = await another.run('mcp-session-manager cleanup');
      expect(stdout).toContain(`sessions ended: ${killed.length};`);
      expect(await manager.instances()).toEqual([]);
      expect(directoriesOf(manager, terminals)).toEqual([]);
    });
  });
});

requires('tmux')('two terminals that export the same MCP_SESSION_ID', () => {
  it('have a session each, and each finds its own again', async () => {
    await using manager = await TestManager.start();
    const setup = { cwd: manager.workspace, env: { ...manager.shellEnv, MCP_SESSION_ID: 'my work' } };
    await using one = new Terminal({ ...setup, kind: 'tmux' });
    await using two = new Terminal({ ...setup, kind: 'tmux' });
    await using three = new Terminal({ ...setup, kind: 'detached' });
    const init = async (terminal: Terminal) => {
      const { stderr } = await terminal.run('eval "$(mcp-session-manager init --lazy)"');
      return /^(Session|Your session, found again:) (\S+)/.exec(stderr)?.slice(1);
    };
    const opened = await Promise.all([one, two, three].map(init));
    expect(opened.map((words) => words?.[0])).toEqual(['Session', 'Session', 'Session']);
    expect(opened.map((words) => words?.[1]?.startsWith('my_work-'))).toEqual([true, true, true]);
    expect(new Set(opened.map((words) => words?.[1])).size).toBe(3);
    const again = await Promise.all([one, two, three].map(init));
    expect(again).toEqual(opened.map((words) => ['Your session, found again:', words?.[1]]));
  });
});
