import { CommanderError } from 'commander';
import { messageOf } from '../core/errors.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import type { CliIo } from './io.ts';
import { processIo } from './io.ts';
import { type Action, describeProgram } from './program.ts';
import { paintFor } from './screen.ts';
import { oneLine } from './text.ts';

/**
 * Runs one command of `mcp-session-manager`.
 * @param argv the arguments behind the program's name
 * @returns the exit code (exit-codes.ts): 0 done; else one line on stderr says why and what to do
 */
export async function runCli(argv: readonly string[], io: CliIo = processIo()): Promise<number> {
  let action: Action | undefined;
  const program = describeProgram((chosen) => {
    action = chosen;
  }, io);
  try {
    program.parse(argv, { from: 'user' });
    return action ? await action() : EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    io.stderr.write(`${paintFor(io.stderr, io.env)('red', 'mcp-session-manager:')} ${oneLine(messageOf(error))}\n`);
    return exitCodeOf(error);
  }
}
