import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeManager } from '../fakes/fake-manager.ts';
import { eventually } from '../support/eventually.ts';
import type { Need } from '../support/requires.ts';
import { requires } from '../support/requires.ts';
import { TmuxTerminal } from '../support/tmux.ts';

const PROGRAM = fileURLToPath(new URL('../fakes/cli.ts', import.meta.url));
/** A folder's name that runs `touch pwned` in every shell that does not quote it. */
const HOSTILE = `it's "x" $(touch pwned) \`touch pwned\` \\'; touch pwned; #\n&& touch pwned`;

interface ShellCase {
  readonly name: string;
  readonly need: Need;
  readonly command: readonly string[];
  readonly init: string;
  readonly subshell: string;
  /** Makes an exit trap that writes the exit status into `kept`. */
  readonly trap: string;
}

const EVAL = 'eval "$("$MCP_SESSION_MANAGER_BIN" init)"';
const SHELLS: ShellCase[] = [
  {
    name: 'bash',
    need: 'tmux',
    command: ['bash', '--norc'],
    init: EVAL,
    subshell: '(exit 1)',
    trap: `trap 'printf "it'"'"'s %s" "$?" >kept' EXIT`,
  },
  {
    name: 'sh',
    need: 'tmux',
    command: ['sh'],
    init: EVAL,
    subshell: '(exit 1)',
    trap: `trap 'printf "it'"'"'s %s" "$?" >kept' EXIT; trap 'echo "trap -- x EXIT" ' INT`,
  },
  {
    name: 'zsh',
    need: 'zsh',
    command: ['zsh', '-f'],
    init: EVAL,
    subshell: '(exit 1)',
    trap: `trap 'printf "it'"'"'s %s" "$?" >kept' EXIT; leave() { : }; zshexit_functions=(leave)`,
  },
  {
    name: 'fish',
    need: 'fish',
    command: ['fish', '--no-config'],
    init: 'command $MCP_SESSION_MANAGER_BIN init | source',
    subshell: 'false | true',
    trap: 'function leave --on-event fish_exit; printf "it\'s 3" >kept; end',
  },
];

for (const { name, need, command, init } of SHELLS) {
  requires(need)(`${name}, when init fails`, () => {
    it('has its exit code', async () => {
      await manager.stop();
      const said = join(folder, 'said');
      const [shell = '', ...options] = command;
      const code = `${init}; ${name === 'fish' ? 'set c $status' : 'c=$?'}; printf "%s" $c >${said}`;
      const env = { ...process.env, ...manager.env, MCP_SESSION_MANAGER_BIN: launcher() };
      spawnSync(shell, [...options, '-c', code], { env, cwd: folder });
      expect(await readFile(said, 'utf8')).toBe('3');
    });
  });
}

let manager: FakeManager;
let folder: string;
let workspace: string;
beforeEach(async () => {
  manager = await FakeManager.start();
  folder = await mkdtemp(join(tmpdir(), 'cli-shells-'));
  workspace = join(folder, HOSTILE);
  await mkdir(workspace);
  await writeFile(launcher(), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`);
  await chmod(launcher(), 0o755);
});
afterEach(async () => {
  await manager[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Its path is hostile too. */
const launcher = () => join(workspace, 'mcp-session-manager');

function open({ command }: ShellCase): TmuxTerminal {
  const env = { ...manager.env, HOME: folder, MCP_SESSION_MANAGER_BIN: launcher(), SSH_TTY: '', MCP_SESSION_ID: '' };
  return new TmuxTerminal({ command, cwd: workspace, env });
}

/** The text of a file in the workspace, once it is there. */
const written = (name: string) => eventually(name, () => readFile(join(workspace, name), 'utf8'));
const ends = () => manager.requests('DELETE', '/api/sessions/');
const opened = (times: number) =>
  eventually(`init number ${times}`, async () => manager.requests('POST', '/api/sessions').length === times);

for (const shell of SHELLS) {
  requires('tmux')(`in a terminal: ${shell.name}`, () => {
    (shell.need === 'tmux' ? describe : requires(shell.need))('init', () => {
      it('exports, and ends the session with the shell; the trap that was there runs too', async () => {
        using terminal = open(shell);
        terminal.type(shell.trap);
        terminal.type(shell.init);
        terminal.type(shell.init);
        await opened(2);
        terminal.type('printf "%s %s" "$MCP_SESSION_URL" "$MCP_SESSION_TOKEN" >exported');
        const [session] = manager.sessions.values();
        if (!session) throw new Error(terminal.screen());
        expect(session.workspace).toBe(workspace);
        expect(session.terminal.name).toMatch(/^_dev_/);
        expect(await written('exported')).toBe(`${manager.url}/mcp ${manager.tokenOf(session.id)}`);
        expect(manager.sessions.size).toBe(1);
        terminal.type('exit 3');
        await eventually('the end of the session', async () => manager.sessions.size === 0);
        expect(await written('kept')).toBe("it's 3");
        expect(ends()).toHaveLength(1);
        expect(existsSync(join(workspace, 'pwned'))).toBe(false);
      });

      it('leaves the session to the terminal when a subshell or a shell within it ends', async () => {
        using terminal = open(shell);
        terminal.type(shell.init);
        await opened(1);
        terminal.type(shell.subshell);
        terminal.type(shell.command.join(' '));
        terminal.type(shell.init);
        await opened(2);
        terminal.type('exit');
        terminal.type('printf done >after');
        await written('after');
        expect(manager.sessions.size).toBe(1);
        expect(ends()).toHaveLength(0);
        terminal.type('exit');
        await eventually('the end of the session', async () => ends().length === 1);
      });

      it('installs no trap with --keep, and takes an earlier one back', async () => {
        using terminal = open(shell);
        terminal.type(shell.trap);
        terminal.type(shell.init);
        await opened(1);
        terminal.type(shell.init.replace(' init', ' init --keep'));
        await opened(2);
        terminal.type('exit 3');
        await written('kept');
        await eventually('the end of the terminal', async () => isGone(terminal));
        expect(ends()).toHaveLength(0);
      });
    });
  });
}

function isGone(terminal: TmuxTerminal): boolean {
  try {
    terminal.screen();
    return false;
  } catch {
    return true;
  }
}
