import { Argument, Command, Option } from 'commander';
import type { CliIo } from './io.ts';
import { CLIENTS } from './mcp-config/client-config.ts';
import { describeConfig } from './program-config.ts';
import { describePeople } from './program-people.ts';
import { SHELLS } from './shell/shell.ts';
import { oneLine } from './text.ts';
import { version } from './version.ts';

/** A command: writes to `io` and resolves with the exit code. Rejects with an error whose message is meant for people. */
export type Action = () => Promise<number>;

/** Takes the command that was chosen. */
export type Choose = (action: Action) => void;

const HELP = `
The manager itself:
  serve [--config FILE]  run it (what npm start does)

Exit codes: 0 done, 1 not done or not well, 2 wrong command, 3 manager out of reach, 4 not allowed, 5 not there.
No command sends anything to anybody but the manager.`;

/** The commands. Each loads its own code when it is chosen: `headers`, `init` and `end` run often and must start fast. */
export function describeProgram(choose: Choose, io: CliIo): Command {
  const program = new Command('mcp-session-manager')
    .description('One terminal, one session, its own MCP servers, never lost.')
    .version(version(), '-V, --version', 'the version of this program')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) =>
        write(`mcp-session-manager: ${oneLine(text.replace(/^error: /, ''))} (see 'mcp-session-manager help')\n`),
    })
    .addHelpText('after', HELP);
  describeSession(program, choose, io);
  describeServers(program, choose, io);
  describeLogs(program, choose, io);
  describeClients(program, choose, io);
  describeShell(program, choose, io);
  describePeople(program, choose, io);
  describeConfig(program, choose, io);
  return program;
}

const shellOption = (what: string) =>
  new Option('--shell <name>', `${what} (default: the one that asks)`).choices(SHELLS);

function describeSession(program: Command, choose: Choose, io: CliIo): void {
  program
    .command('init')
    .description('give this terminal a session: eval "$(mcp-session-manager init)"')
    .option('--workspace <dir>', "directory that the session's servers may use (default: this one)")
    .option('--keep', 'the session outlives this terminal')
    .option('--lazy', 'start no server before it is used')
    .addOption(shellOption('shell that evaluates the output'))
    .option('--servers <names>', 'servers of the catalogue, separated by commas (default: all)')
    .action((options) => choose(async () => (await import('./init.ts')).init(io, options)));
  program
    .command('status')
    .description("this terminal's session and its servers")
    .option('--json', 'as JSON')
    .option('--all', 'all sessions: of this owner, or of everybody for a logged-in administrator')
    .option('--watch', 'again and again')
    .action((options) => choose(async () => (await import('./status.ts')).status(io, options)));
  program
    .command('end')
    .description("end this terminal's session and its servers")
    .option('--session <id>', 'another session')
    .option('--quiet', 'say nothing')
    .action((options) => choose(async () => (await import('./end.ts')).end(io, options)));
  program
    .command('cleanup')
    .description('end sessions whose terminals are gone, and servers that belong to no session')
    .option('--all', "everybody's (needs a login)")
    .option('--dry-run', 'say what would be ended, and end nothing')
    .option('--json', 'as JSON')
    .action((options) => choose(async () => (await import('./cleanup.ts')).cleanup(io, options)));
}

function describeServers(program: Command, choose: Choose, io: CliIo): void {
  program
    .command('start [server] [command]')
    .description("start a server of this terminal's session; a command must be what the catalogue runs")
    .option('--all', 'all of them')
    .action((server, command, options) =>
      choose(async () => (await import('./servers.ts')).start(io, server, command, options)),
    );
  program
    .command('restart [server]')
    .description("restart a server of this terminal's session")
    .option('--all', 'all of them')
    .action((server, options) =>
      choose(async () => (await import('./servers.ts')).changeServers(io, 'restart', server, options)),
    );
  program
    .command('stop [server]')
    .description("stop a server of this terminal's session")
    .option('--all', 'all of them')
    .action((server, options) => choose(async () => (await import('./servers.ts')).stop(io, server, options)));
}

function describeLogs(program: Command, choose: Choose, io: CliIo): void {
  program
    .command('logs [server]')
    .description("what the session's servers wrote to stderr, and what their hosts say of them")
    .option('-f, --follow', 'go on, through restarts of the manager too')
    .option('--since <time>', '10m (ago), or 2026-11-21T12:00:00Z')
    .option('--tail <lines>', 'the last lines only')
    .option('--session <id>', "another session (default: this terminal's)")
    .option('--json', 'one JSON object per line')
    .action((server, options) => choose(async () => (await import('./logs.ts')).logs(io, server, options)));
  program
    .command('log')
    .description("write an entry into the log of a server: log warn proxmox 'backup is late'")
    .addArgument(new Argument('<level>', 'how bad it is').choices(['info', 'warn', 'error']))
    .argument('<server>', 'a server of the session')
    .argument('<text...>', 'what there is to say')
    .option('--session <id>', "another session (default: this terminal's)")
    .action((level, server, text, options) =>
      choose(async () => (await import('./log.ts')).log(io, level, server, text, options)),
    );
  program
    .command('log-level')
    .description('how much is logged of one session, for a while')
    .addArgument(new Argument('<level>', 'the least that is logged').choices(['debug', 'info', 'warn', 'error']))
    .option('--for <duration>', 'how long', '10m')
    .option('--session <id>', "another session (default: this terminal's)")
    .action((level, options) => choose(async () => (await import('./log.ts')).logLevel(io, level, options)));
}

function describeClients(program: Command, choose: Choose, io: CliIo): void {
  program
    .command('mcp-config')
    .description('configuration of an MCP client; no secret in it, right for every terminal')
    .option('--write', "merge it into the client's file in this folder (default: print it)")
    .option('--dry-run', 'show what --write would change')
    .option('--undo', 'make the file what it was before the last --write')
    .option('--user', "the client's file for all folders of this user")
    .addOption(new Option('--client <name>', 'MCP client').choices(CLIENTS).default('claude'))
    .option('--server <name>', 'one server, with its own names (default: all, names prefixed)')
    .option('--json', 'print it with the name of its file, as JSON')
    .action((options) => choose(async () => (await import('./mcp-config/mcp-config.ts')).mcpConfig(io, options)));
  program
    .command('headers')
    .description("this terminal's HTTP headers as JSON (for headersHelper of Claude Code)")
    .action(() => choose(async () => (await import('./headers.ts')).headers(io)));
  program
    .command('connect [server]')
    .description('bridge for clients that speak stdio only: JSON-RPC on stdin and stdout')
    .option('--workspace <dir>', 'directory of a session that has to be made (default: this one)')
    .action((server, options) => choose(async () => (await import('./connect.ts')).connect(io, server, options)));
}

function describeShell(program: Command, choose: Choose, io: CliIo): void {
  program
    .command('shell-init')
    .description('functions, exit trap and completion for a start-up file: eval "$(mcp-session-manager shell-init)"')
    .addOption(shellOption('shell that evaluates the output'))
    .action((options) => choose(async () => (await import('./shell/shell-init.ts')).shellInit(io, options)));
  program
    .command('complete', { hidden: true })
    .description('words that may come next, for the completion of shells')
    .addOption(shellOption('shell that asks').default('bash'))
    .argument('[words...]', 'behind the name of the program')
    .action((words, options) =>
      choose(async () => (await import('./shell/complete.ts')).complete(io, program, options.shell, words)),
    );
  program
    .command('doctor')
    .description('check everything that a session needs, and say what to do')
    .option('--json', 'as JSON')
    .action((options) => choose(async () => (await import('./doctor/doctor.ts')).doctor(io, options)));
}
