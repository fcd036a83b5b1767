import { resolve } from 'node:path';
import type { OpenedSession } from '../core/api.ts';
import type { CliIo } from './io.ts';
import { launcherPath } from './launcher.ts';
import { managerUrl } from './manager-address.ts';
import { withProgress } from './progress.ts';
import { isTerminal } from './screen.ts';
import { openSession } from './session-access.ts';
import { wordOf } from './session-table.ts';
import type { Shell } from './shell/shell.ts';
import { detectShell, programOf } from './shell/shell.ts';
import { shellCode } from './shell/shell-code.ts';
import { oneLine, table } from './text.ts';

const EVAL: Readonly<Record<Shell, string>> = {
  bash: 'eval "$(mcp-session-manager init)"',
  zsh: 'eval "$(mcp-session-manager init)"',
  sh: 'eval "$(mcp-session-manager init)"',
  fish: 'mcp-session-manager init | source',
};

export interface InitOptions {
  readonly workspace?: string;
  readonly keep?: boolean;
  readonly lazy?: boolean;
  readonly shell?: Shell;
  /** Names, separated by commas. */
  readonly servers?: string;
}

/**
 * Opens this terminal's session. Shell code for `eval` on stdout, a summary on stderr; none on
 * a terminal, where it would do nothing but show the token: what the terminal runs finds its session without it.
 */
export async function init(io: CliIo, options: InitOptions): Promise<number> {
  const shell = options.shell ?? detectShell(programOf(io.ppid), io.env);
  const launcher = launcherPath(io.env);
  const opening = openSession(io, {
    workspace: resolve(io.cwd, options.workspace ?? ''),
    keep: options.keep ?? false,
    lazy: options.lazy ?? false,
    ...(options.servers && { servers: options.servers.split(',').map((name) => name.trim()) }),
  });
  const opened = await withProgress(io, options.lazy ? 'opening a session' : 'starting servers', opening);
  const leader = opened.session.terminal.leader;
  const code = shellCode(shell, {
    token: opened.token,
    url: `${managerUrl(io.env)}/mcp`,
    ...(leader && !options.keep && { end: { launcher, session: opened.session.id, leaderPid: leader.pid } }),
  });
  io.stderr.write(summary(opened));
  if (isTerminal(io.stdout))
    io.stderr.write(`To export its token and URL, and to end it with this shell:  ${EVAL[shell]}\n`);
  else io.stdout.write(code);
  return 0;
}

/** For people: the session and how its servers are. */
function summary({ session, created }: OpenedSession): string {
  const rows = session.servers.map((server) => [
    `  ${oneLine(server.name)}`,
    wordOf(server),
    oneLine(server.reason ?? (server.state === 'ready' ? (server.instance ?? '') : '')),
  ]);
  const found = created ? 'Session' : 'Your session, found again:';
  return `${found} ${session.id} in ${oneLine(session.workspace)}\n${table(rows)}`;
}
