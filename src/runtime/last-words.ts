/** The end of an instance's log, for people: of an entry of its host (JSON) only what it says, any other line as it is. */
export const lastWords = (lines: readonly string[]): string => lines.map(wordsIn).join('\n');

function wordsIn(line: string): string {
  try {
    const { message } = JSON.parse(line) as { message?: unknown };
    return typeof message === 'string' ? message : line;
  } catch {
    return line;
  }
}
