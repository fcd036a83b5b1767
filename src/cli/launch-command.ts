import { basename } from 'node:path';

/** What the manager says of how it launches a server; a module of the host has no command. */
export interface Launch {
  readonly command?: string;
  readonly args?: readonly string[];
}

/** One word of a shell's command line: pieces in quotes, and characters as they are. */
const WORD = /(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+/g;
const PIECE = /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)|([^\s'"\\])/g;

/** Whether a command line, as a person writes it, is what this entry runs: for the session's workspace, with any path to its program. */
export function runsTheSame({ command, args = [] }: Launch, written: string, workspace: string): boolean {
  if (command === undefined) return false;
  const words = wordsOf(written);
  if (words[0] === 'exec') words.shift();
  const expected = [command, ...args];
  const same = (word: string, i: number) => {
    const wanted = expected[i] ?? '';
    const literal = word === wanted || word === wanted.replaceAll('${workspace}', workspace);
    return literal || (i === 0 && basename(word) === wanted);
  };
  return words.length === expected.length && words.every(same);
}

/** The words of a command line, without expansions (POSIX, Shell Command Language, section 2.2). */
export function wordsOf(line: string): string[] {
  return (line.match(WORD) ?? []).map((word) =>
    [...word.matchAll(PIECE)]
      .map(([, single, double, escaped, plain]) => single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? plain)
      .join(''),
  );
}
