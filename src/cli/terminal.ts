import { sanitize } from '../core/ids.ts';
import type { Terminal } from '../core/session.ts';
import type { CliIo } from './io.ts';

/** The longest name that the session API takes. */
const MAX_NAME = 128;

/** What tells terminals apart. */
export type TerminalSource = Pick<CliIo, 'env' | 'pid' | 'hostname'> & {
  readonly processes: Pick<CliIo['processes'], 'leader' | 'tty'>;
};

/** The terminal that a process was started in. */
export interface FoundTerminal {
  readonly terminal: Terminal;
  /** False: it has no terminal (cron, an editor, a program that detached itself). */
  readonly hasTty: boolean;
  /** True: the name is the user's, from `$MCP_SESSION_ID`. */
  readonly named: boolean;
}

/**
 * The terminal of this process. Its name is `$MCP_SESSION_ID`, else `$SSH_TTY`, else the tty, else `notty`. What makes it
 * unique is host and leader, so a shell within the terminal's shell, or a pipe as stdin, changes nothing, and two terminals
 * that export the same `MCP_SESSION_ID` still have a session each.
 */
export function findTerminal({ env, pid, hostname, processes }: TerminalSource): FoundTerminal {
  const tty = processes.tty(pid);
  const leader = processes.leader(pid);
  const name = sanitize(env.MCP_SESSION_ID || env.SSH_TTY || tty || 'notty').slice(-MAX_NAME);
  return {
    terminal: { name, host: hostname, ...(leader && { leader }) },
    hasTty: tty !== undefined,
    named: Boolean(env.MCP_SESSION_ID),
  };
}

/** Whether both are one terminal, and so have one session. */
export function sameTerminal(a: Terminal, b: Terminal): boolean {
  return (
    a.name === b.name &&
    a.host === b.host &&
    a.leader?.pid === b.leader?.pid &&
    a.leader?.startedAt === b.leader?.startedAt
  );
}

/**
 * Whether a token that this process inherited may be used here. A terminal that was opened from another one inherits its
 * environment and still gets a session of its own. A program that detached itself has no terminal any more and goes on
 * with the session that it came from, unless it was given another name.
 */
export function mayUse(session: Terminal, here: FoundTerminal): boolean {
  if (sameTerminal(session, here.terminal)) return true;
  return !here.hasTty && (!here.named || session.name === here.terminal.name);
}
