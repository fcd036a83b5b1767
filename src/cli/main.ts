import { CommanderError } from 'commander';
import { messageOf } from '../core/errors.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { type CliIo, processIo } from './io.ts';
import { type Action, describeProgram } from './program.ts';
import { isTerminal, paintFor } from './screen.ts';
import { oneLine } from './text.ts';

/**
 * Runs one command of `mcp-session-manager`.
 * @param argv the arguments behind the program's name
 * @param world all that it has of the world; or, for that of this process, what it is not able to open itself
 * @returns the exit code (exit-codes.ts): 0 done; else one line on stderr says why and what to do
 */
export async function runCli(argv: readonly string[], world: CliIo | CliIo['configurations']): Promise<number> {
  const io = typeof world === 'function' ? processIo(world) : world;
  let action: Action | undefined;
  const program = describeProgram((chosen) => {
    action = chosen;
  }, io);
  try {
    program.parse(argv, { from: 'user' });
    return action ? await action() : EXIT.done;
  } catch (error) {
    const code = told(io, error);
    // A shell forgets the exit code of what it evaluates: eval "$(... init)" would succeed.
    if (argv[0] === 'init' && code !== EXIT.done && !isTerminal(io.stdout)) io.stdout.write(`sh -c 'exit ${code}'\n`);
    return code;
  }
}

function told(io: CliIo, error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  io.stderr.write(`${paintFor(io.stderr, io.env)('red', 'mcp-session-manager:')} ${oneLine(messageOf(error))}\n`);
  return exitCodeOf(error);
}
