import { createTwoFilesPatch } from 'diff';
import type { CliIo } from './io.ts';
import { paintFor } from './screen.ts';
import { printable } from './text.ts';

/** What makes `after` of `before`, as `patch` takes it, in colours on a terminal. Absent: the file is not there. */
export function difference(io: CliIo, name: string, before: string | undefined, after: string | undefined): string {
  const paint = paintFor(io.stdout, io.env);
  const side = (text: string | undefined) => (text === undefined ? '/dev/null' : name);
  const patch = createTwoFilesPatch(side(before), side(after), before ?? '', after ?? '', '', '', { context: 3 });
  const lines = printable(patch.replace(/^(?:Index: .*\n)?=+\n/, '')).split('\n');
  return lines
    .map((line) => (line.startsWith('+') ? paint('green', line) : line.startsWith('-') ? paint('red', line) : line))
    .join('\n');
}
