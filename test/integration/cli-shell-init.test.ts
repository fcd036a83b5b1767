import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { FakeManager } from '../fakes/fake-manager.ts';
import { cliIo } from '../support/cli-io.ts';
import { eventually } from '../support/eventually.ts';
import type { Need } from '../support/requires.ts';
import { requires } from '../support/requires.ts';
import { TmuxTerminal } from '../support/tmux.ts';

const PROGRAM = fileURLToPath(new URL('../fakes/cli.ts', import.meta.url));
/** After this a completion has given the manager up, for which it waits a second, and says nothing. */
const UNANSWERED_MS = 5000;

interface ShellCase {
  readonly name: string;
  readonly need: Need;
  readonly command: readonly string[];
  /** What a start-up file has. */
  readonly startup: string;
}

const SHELLS: ShellCase[] = [
  {
    name: 'bash',
    need: 'tmux',
    command: ['bash', '--norc'],
    startup: 'eval "$("$MCP_SESSION_MANAGER_BIN" shell-init)"',
  },
  {
    name: 'zsh',
    need: 'zsh',
    command: ['zsh', '-f'],
    startup: 'autoload -Uz compinit; compinit -u -D; eval "$("$MCP_SESSION_MANAGER_BIN" shell-init)"',
  },
  {
    name: 'fish',
    need: 'fish',
    command: ['fish', '--no-config'],
    startup: 'command $MCP_SESSION_MANAGER_BIN shell-init | source',
  },
];

let manager: FakeManager;
let folder: string;
let workspace: string;
beforeEach(async () => {
  manager = await FakeManager.start();
  manager.launches = { filesystem: {}, proxmox: {} };
  folder = await mkdtemp(join(tmpdir(), 'cli-shell-init-'));
  workspace = join(folder, 'my work');
  await mkdir(workspace);
  await writeFile(launcher(), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`);
  await chmod(launcher(), 0o755);
});
afterEach(async () => {
  await manager[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const launcher = () => join(workspace, 'the launcher');
const written = (name: string) => eventually(name, () => readFile(join(workspace, name), 'utf8'));

async function open({ command, startup }: ShellCase): Promise<TmuxTerminal> {
  const env = { ...manager.env, HOME: folder, MCP_SESSION_MANAGER_BIN: launcher(), SSH_TTY: '', MCP_SESSION_ID: '' };
  const terminal = new TmuxTerminal({ command, cwd: workspace, env });
  terminal.type(startup);
  terminal.type('printf done >started');
  await written('started');
  return terminal;
}

for (const shell of SHELLS) {
  requires('tmux')(`in a terminal: ${shell.name}`, () => {
    (shell.need === 'tmux' ? describe : requires(shell.need))('shell-init', () => {
      it('asks the manager nothing', async () => {
        using terminal = await open(shell);
        terminal.type('true');
        terminal.type('printf done >after');
        await written('after');
        expect(manager.seen).toEqual([]);
      });

      it.each(['mcp-session-manager', 'mcp-session-manager.sh'])(
        'makes a plain `%s init` export, and the shell’s exit end the session',
        async (name) => {
          using terminal = await open(shell);
          terminal.type(`${name} init`);
          await eventually('the session', async () => manager.sessions.size === 1);
          terminal.type('printf "%s" "$MCP_SESSION_TOKEN" >exported');
          const [session] = manager.sessions.values();
          if (!session) throw new Error(terminal.screen());
          expect(await written('exported')).toBe(manager.tokenOf(session.id));
          expect(terminal.screen()).not.toContain(manager.tokenOf(session.id));
          terminal.type('exit');
          await eventually('the end of the session', async () => manager.sessions.size === 0);
          expect(manager.requests('DELETE', '/api/sessions/')).toHaveLength(1);
        },
      );

      it('has functions to write into the log with', async () => {
        using terminal = await open(shell);
        terminal.type('mcp-session-manager init');
        const id = await eventually('the session', async () => [...manager.sessions.keys()][0]);
        const path = `/api/sessions/${id}/log`;
        manager.handlers.set(`POST ${path}`, (_, response) => void response.writeHead(204).end());
        for (const level of ['info', 'warn', 'error']) terminal.type(`mcp_${level} filesystem "a  2 *"`);
        await eventually('three entries', async () => manager.requests('POST', path).length === 3);
        expect(manager.requests('POST', path).map(({ body }) => body)).toEqual(
          ['info', 'warn', 'error'].map((level) => ({ level, server: 'filesystem', text: 'a  2 *' })),
        );
      });

      it('completes commands, servers and the sessions that there are', async () => {
        using terminal = await open(shell);
        terminal.type('mcp-session-manager init');
        const id = await eventually('the session', async () => [...manager.sessions.keys()][0]);
        terminal.type('clear');
        for (const [typed, expected] of [
          ['mcp-session-manager shell-', 'mcp-session-manager shell-init'],
          ['mcp-session-manager.sh restart file', 'mcp-session-manager.sh restart filesystem'],
          ['mcp-session-manager sessions show fa', `mcp-session-manager sessions show ${id}`],
          ['mcp-session-manager init --shell zs', 'mcp-session-manager init --shell zsh'],
          ['mcp-session-manager status --wa', 'mcp-session-manager status --watch'],
        ] as const) {
          terminal.begin(typed);
          await eventually(`${expected}, by whoever presses the key again`, () => {
            terminal.press('Tab');
            return eventually(expected, async () => terminal.screen().includes(expected), UNANSWERED_MS);
          });
          terminal.press('C-u');
        }
      });
    });
  });
}

describe('completion', () => {
  async function complete(shell: string, ...words: string[]) {
    const { io, written } = cliIo({ env: manager.env });
    expect(await runCli(['complete', '--shell', shell, '--', ...words], io)).toBe(0);
    return written.stdout.split('\n').filter((line) => line !== '');
  }

  it('knows the values of options and arguments, and describes where the shell shows it', async () => {
    expect(await complete('bash', 'mcp-config', '--client', 'c')).toEqual(['claude', 'codex', 'cursor']);
    expect(await complete('bash', 'log', '')).toEqual(['info', 'warn', 'error']);
    expect(await complete('bash', 'log', 'warn', 'p')).toEqual(['proxmox']);
    expect(await complete('bash', 'logs', '--tail', '3', '')).toEqual(['filesystem', 'proxmox']);
    expect(await complete('bash', 'users', 'add', 'ann', '--role', '')).toEqual(['admin', 'operator', 'developer']);
    expect(await complete('fish', 'who')).toEqual(['whoami\twho calls when a command is run here']);
    expect(await complete('zsh', 'who')).toEqual(['whoami:who calls when a command is run here']);
    expect(await complete('bash', 'complete')).toEqual([]);
  });

  it('has nothing of a manager that is not there, and says nothing', async () => {
    await manager.stop();
    const { io, written } = cliIo({ env: manager.env });
    expect(await runCli(['complete', '--', 'restart', ''], io)).toBe(0);
    expect(written).toEqual({ stdout: '', stderr: '' });
    await manager.listen();
  });
});
