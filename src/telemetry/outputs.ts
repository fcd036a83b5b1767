import { writeSync } from 'node:fs';
import { join } from 'node:path';
import pino, { type DestinationStream } from 'pino';
import { prettyLine, wantsColour } from './pretty.ts';
import { RotatingFile } from './rotating-file.ts';

const STDERR = 2;

/** Standard error: JSON, or words where a person reads it. */
export function standardError(env: NodeJS.ProcessEnv, isTerminal: boolean): DestinationStream {
  if (!isTerminal) return pino.destination({ fd: STDERR, sync: true });
  const colour = wantsColour(env);
  return { write: (line) => void writeSync(STDERR, prettyLine(line, colour)) };
}

/**
 * `first`, and two files of JSON lines, each with a bound (rotating-file.ts): `mcp-main.log` has everything, `mcp-error.log`
 * warnings and errors.
 * @param directory is there
 */
export function withFiles(first: DestinationStream, directory: string): DestinationStream {
  return pino.multistream([
    { level: 'debug', stream: first },
    { level: 'debug', stream: new RotatingFile(join(directory, 'mcp-main.log')) },
    { level: 'warn', stream: new RotatingFile(join(directory, 'mcp-error.log')) },
  ]);
}
