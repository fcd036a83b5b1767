import { Command, CommanderError, Option } from 'commander';
import { messageOf } from '../core/errors.ts';
import { CLIENTS } from './client-config.ts';
import type { CliIo } from './io.ts';
import { processIo } from './io.ts';
import { SHELLS } from './shell.ts';
import { printable } from './text.ts';

/** A command: writes to `io` and resolves with the exit code. Rejects with an error whose message is meant for people. */
type Action = () => Promise<number>;

/**
 * Runs one command of `mcp-session-manager`.
 * @param argv the arguments behind the program's name
 * @returns the exit code: 0 done, 1 not done (one sentence on stderr says why and what to do)
 */
export async function runCli(argv: readonly string[], io: CliIo = processIo()): Promise<number> {
  let action: Action | undefined;
  const program = describe((chosen) => {
    action = chosen;
  }, io);
  try {
    program.parse(argv, { from: 'user' });
    return action ? await action() : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    io.stderr.write(`mcp-session-manager: ${printable(messageOf(error))}\n`);
    return 1;
  }
}

/** The commands. Each loads its own code when it is chosen: `headers`, `init` and `end` run often and must start fast. */
function describe(choose: (action: Action) => void, io: CliIo): Command {
  const program = new Command('mcp-session-manager')
    .description('One terminal, one session, its own MCP servers, never lost.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .addHelpText('after', '\nThe manager itself:\n  serve [--config FILE]  run it (what npm start does)');
  describeSession(program, choose, io);
  describeClients(program, choose, io);
  describeServers(program, choose, io);
  return program;
}

function describeSession(program: Command, choose: (action: Action) => void, io: CliIo): void {
  program
    .command('init')
    .description('give this terminal a session: eval "$(mcp-session-manager init)"')
    .option('--workspace <dir>', "directory that the session's servers may use (default: this one)")
    .option('--keep', 'the session outlives this terminal')
    .option('--lazy', 'start no server before it is used')
    .addOption(
      new Option('--shell <name>', 'shell that evaluates the output (default: the one that asks)').choices(SHELLS),
    )
    .option('--servers <names>', 'servers of the catalogue, separated by commas (default: all)')
    .action((options) => choose(async () => (await import('./init.ts')).init(io, options)));
  program
    .command('status')
    .description("this terminal's session and its servers")
    .option('--json', 'as JSON')
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
    .action(() => choose(async () => (await import('./end.ts')).cleanup(io)));
}

function describeClients(program: Command, choose: (action: Action) => void, io: CliIo): void {
  program
    .command('mcp-config')
    .description('configuration of an MCP client for this folder; no secret in it, right for every terminal')
    .option('--write', "merge it into the client's file in this folder (default: print it)")
    .addOption(new Option('--client <name>', 'MCP client').choices(CLIENTS).default('claude'))
    .option('--server <name>', 'one server, with its own names (default: all, names prefixed)')
    .action((options) => choose(async () => (await import('./mcp-config.ts')).mcpConfig(io, options)));
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

function describeServers(program: Command, choose: (action: Action) => void, io: CliIo): void {
  for (const action of ['start', 'restart'] as const) {
    program
      .command(`${action} <server>`)
      .description(`${action} a server of this terminal's session`)
      .action((server) => choose(async () => (await import('./servers.ts')).changeServer(io, action, server)));
  }
  program
    .command('stop [server]')
    .description("stop a server of this terminal's session")
    .option('--all', 'all of them')
    .action((server, options) => choose(async () => (await import('./servers.ts')).stop(io, server, options)));
}
