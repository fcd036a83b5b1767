import type { SessionId } from '../../core/ids.ts';
import type { Shell } from './shell.ts';

/** What `init` puts into the shell. */
export interface SessionForShell {
  readonly token: string;
  /** The URL for MCP clients. */
  readonly url: string;
  /** What the exit trap does; absent: there is none, and one from before does nothing any more. */
  readonly end?: {
    /** Absolute path. */
    readonly launcher: string;
    readonly session: SessionId;
    /** The only shell that may end the session: those within it end long before the terminal does. */
    readonly leaderPid: number;
  };
}

/** Code for `eval` that exports the session's variables and installs the exit trap. Evaluating it twice does no harm. */
export function shellCode(shell: Shell, session: SessionForShell): string {
  if (shell === 'fish') return fishCode(session);
  const { token, url, end } = session;
  const lines = [`export MCP_SESSION_TOKEN=${quote(token)} MCP_SESSION_URL=${quote(url)}`];
  if (!end) lines.push('__mcp_session_end() { :; }');
  else {
    const command = `${quote(end.launcher)} end --session ${quote(end.session)} --quiet </dev/null >/dev/null 2>&1`;
    lines.push(...exitTrap(shell, end.leaderPid, command));
  }
  return `${lines.join('\n')}\n`;
}

/** Lines that make the shell `leaderPid`, and none within it, run `command` when it ends, behind the traps that are there. */
export function exitTrap(shell: Exclude<Shell, 'fish'>, leaderPid: number, command: string): string[] {
  // zsh runs its hook for an `exit` in a subshell too, where `$$` is still the shell's own.
  const body = shell === 'zsh' ? `[ "$ZSH_SUBSHELL" != 0 ] || ${command}` : command;
  return [`if [ "$$" = ${leaderPid} ]; then`, `__mcp_session_end() { ${body}; }`, TRAPS[shell], 'fi'];
}

/** `value` as one word of a POSIX shell, bash or zsh. */
export const quote = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;

/** Puts our command behind the trap that is there, which so still sees the shell's own `$?`. */
const ADD_TO_TRAP = `case "$__mcp_session_kept" in
*__mcp_session_end*) ;;
*) trap -- "$\{__mcp_session_kept:+$__mcp_session_kept
}__mcp_session_end" EXIT ;;
esac`;

/** A line of the trap's listing (`trap -- 'command' EXIT`) with this in the place of `trap` finds the command. */
const KEEP = `__mcp_session_kept=
__mcp_session_keep() { case "$\{3-}" in EXIT | 0) __mcp_session_kept=$2 ;; esac; }`;

const FORGET = 'unset -v __mcp_session_kept __mcp_session_traps; unset -f __mcp_session_keep';

const TRAPS = {
  bash: `${KEEP}
__mcp_session_traps=$(trap -p EXIT)
eval "__mcp_session_keep $\{__mcp_session_traps#trap}"
${ADD_TO_TRAP}
${FORGET}`,
  // In a command substitution dash lists no traps: a file is the only way to see them.
  sh: `${KEEP}
if __mcp_session_traps=$(mktemp); then
trap >"$__mcp_session_traps"
eval "$(sed 's/^trap /__mcp_session_keep /' "$__mcp_session_traps")"
rm -f "$__mcp_session_traps"
${ADD_TO_TRAP}
fi
${FORGET}`,
  zsh: `typeset -ga zshexit_functions
(( $\{zshexit_functions[(I)__mcp_session_end]} )) || zshexit_functions+=(__mcp_session_end)`,
} as const;

/** Every statement ends with a semicolon: `eval (mcp-session-manager init)` joins the lines with spaces. */
function fishCode({ token, url, end }: SessionForShell): string {
  const lines = [`set -gx MCP_SESSION_TOKEN ${fishQuote(token)};`, `set -gx MCP_SESSION_URL ${fishQuote(url)};`];
  if (!end) lines.push('functions -q __mcp_session_end; and functions -e __mcp_session_end;');
  else {
    const command = `command ${fishQuote(end.launcher)} end --session ${fishQuote(end.session)} --quiet`;
    lines.push(...fishExitTrap(end.leaderPid, `${command} </dev/null >/dev/null 2>&1`));
  }
  return `${lines.join('\n')}\n`;
}

/** `exitTrap` for fish. */
export function fishExitTrap(leaderPid: number, command: string): string[] {
  return [
    `if test "$fish_pid" = ${leaderPid};`,
    `function __mcp_session_end --on-event fish_exit; ${command}; end;`,
    'end;',
  ];
}

/** `value` as one word of fish, on one line. */
export function fishQuote(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&').replaceAll('\n', `'\\n'`)}'`;
}
