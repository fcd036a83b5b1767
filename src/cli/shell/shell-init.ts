import type { CliIo } from '../io.ts';
import { launcherPath } from '../launcher.ts';
import { detectShell, programOf, type Shell } from './shell.ts';
import { exitTrap, fishExitTrap, fishQuote, quote } from './shell-code.ts';

/** What the program is called: the second name is the one of old instructions. */
const NAMES = ['mcp-session-manager', 'mcp-session-manager.sh'] as const;
const LEVELS = ['info', 'warn', 'error'] as const;

/**
 * Writes code for a shell's start-up file: `mcp_info`, `mcp_warn` and `mcp_error`; a function in the program's place, so that
 * a plain `mcp-session-manager init` exports what `eval` would; an exit trap; completion. No hook of the prompt, and nothing
 * that asks the manager before somebody types a command or TAB.
 */
export async function shellInit(io: CliIo, options: { readonly shell?: Shell }): Promise<number> {
  const shell = options.shell ?? detectShell(programOf(io.ppid), io.env);
  const launcher = launcherPath(io.env);
  const leaderPid = io.processes.leader(io.pid)?.pid;
  io.stdout.write(shell === 'fish' ? fishInit(launcher, leaderPid) : posixInit(shell, launcher, leaderPid));
  return 0;
}

/** Ends what `init` began in this terminal, if that was not said by `init` itself. */
const endCommand = (launcher: string) => `${quote(launcher)} end --quiet </dev/null >/dev/null 2>&1`;

function posixInit(shell: Exclude<Shell, 'fish'>, launcher: string, leaderPid: number | undefined): string {
  const lines = LEVELS.map((level) => `mcp_${level}() { ${quote(launcher)} log ${level} "$@"; }`);
  if (leaderPid !== undefined) {
    lines.push(...exitTrap(shell, leaderPid, `[ -z "$\{MCP_SESSION_TOKEN-}" ] || ${endCommand(launcher)}`));
  }
  // POSIX has no function names with a hyphen, and no completion.
  if (shell !== 'sh')
    lines.push(wrapper(shell, launcher), shell === 'zsh' ? zshCompletion(launcher) : bashCompletion(launcher));
  return `${lines.join('\n')}\n`;
}

/** `init` on a terminal is meant for this shell; in a command substitution its code is somebody else's to evaluate. */
function wrapper(shell: 'bash' | 'zsh', launcher: string): string {
  return `__mcp_session_run() {
  local code
  if [ "$\{1-}" != init ] || ! [ -t 1 ]; then ${quote(launcher)} "$@"; return; fi
  shift
  code=$(${quote(launcher)} init --shell ${shell} "$@") || return
  case $code in "export "*) eval "$code" ;; *) printf '%s\\n' "$code" ;; esac
}
${NAMES.map((name) => `function ${name} { __mcp_session_run "$@"; }`).join('\n')}`;
}

function bashCompletion(launcher: string): string {
  return `__mcp_session_complete() {
  local IFS=$'\\n'
  COMPREPLY=($(${quote(launcher)} complete --shell bash -- "$\{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o bashdefault -o default -F __mcp_session_complete ${NAMES.join(' ')}`;
}

function zshCompletion(launcher: string): string {
  return `__mcp_session_complete() {
  local -a found
  found=("$\{(@f)$(${quote(launcher)} complete --shell zsh -- "$\{(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$\{found[1]}" ]]; then _describe mcp-session-manager found; else _files; fi
}
(( $+functions[compdef] )) && compdef __mcp_session_complete ${NAMES.join(' ')}
true`;
}

function fishInit(launcher: string, leaderPid: number | undefined): string {
  const command = `command ${fishQuote(launcher)}`;
  const lines = LEVELS.map((level) => `function mcp_${level}; ${command} log ${level} $argv; end;`);
  if (leaderPid !== undefined) {
    lines.push(
      ...fishExitTrap(leaderPid, `set -q MCP_SESSION_TOKEN; and ${command} end --quiet </dev/null >/dev/null 2>&1`),
    );
  }
  const run = `if test "$argv[1]" = init; and isatty stdout; ${command} init --shell fish $argv[2..-1] | source; else; ${command} $argv; end;`;
  const candidates = `${command} complete --shell fish -- (commandline -opc)[2..-1] "$(commandline -ct)" 2>/dev/null`;
  for (const name of NAMES) {
    lines.push(
      `function ${name}; ${run} end;`,
      `complete -c ${name} -f -a ${fishQuote(`(${candidates})`)};`,
      `complete -c ${name} -l workspace -r -a '(__fish_complete_directories)';`,
    );
  }
  return `${lines.join('\n')}\n`;
}
