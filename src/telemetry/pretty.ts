/** Select Graphic Rendition (ECMA-48, section 8.3.117) of each level; undefined: as it is. */
const COLOURS: Readonly<Record<string, number | undefined>> = { debug: 90, warn: 33, error: 31 };
const DIM = 90;

/**
 * A line of the log as people read it on a terminal: time, level, message, then the other fields. Control characters stay
 * escaped, so that nothing that was logged can do anything to the terminal.
 * @param json one line as the logger writes it; what is none stays as it is
 */
export function prettyLine(json: string, colour: boolean): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return json;
  }
  const { time, level, message, ...fields } = entry;
  const paint = (text: string, code: number | undefined) =>
    colour && code !== undefined && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text;
  const name = String(level);
  const clock = new Date(String(time)).toLocaleTimeString('en-GB');
  const rest = Object.entries(fields).map(([key, value]) => ` ${printable(key)}=${wordOf(value)}`);
  return `${clock} ${paint(name.toUpperCase().padEnd(5), COLOURS[name])} ${printable(String(message))}${paint(rest.join(''), DIM)}\n`;
}

/** Without quotes where it can do without. */
function wordOf(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=\p{Cc}]+$/u.test(value) ? value : printable(JSON.stringify(value));
}

/** Each control character as JSON escapes it. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Whether whoever reads this terminal wants colours (no-color.org). */
export function wantsColour(env: NodeJS.ProcessEnv): boolean {
  return !env.NO_COLOR && env.TERM !== 'dumb';
}
