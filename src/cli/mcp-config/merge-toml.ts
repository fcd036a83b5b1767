const KEY = String.raw`(?:[\w-]+|"[^"\n]*"|'[^'\n]*')`;
const PATH = String.raw`${KEY}(?:\s*\.\s*${KEY})*`;
const HEADER = new RegExp(String.raw`^\s*\[{1,2}\s*(${PATH})\s*\]{1,2}`);
const ASSIGNMENT = new RegExp(String.raw`^\s*(${PATH})\s*=`);

/** One table of a TOML file, all values strings. */
export interface TomlTable {
  readonly section: string;
  readonly name: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

/** `table` as text. */
export function renderToml({ section, name, entry }: TomlTable): string {
  // A JSON string is a basic string of TOML (TOML 1.0.0, "String").
  const keys = Object.entries(entry).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
  return `[${section}.${name}]\n${keys.join('')}`;
}

/**
 * `before` with `table` at its end, or in the place of a table of that name which holds the same keys only. All other
 * lines stay as they are. Undefined where the section or the table is written in a way that this cannot be done in.
 */
export function mergeToml(before: string, table: TomlTable): string | undefined {
  const lines = before.split(/(?<=\n)/);
  const own = ownLines(lines, table);
  if (own === undefined) return undefined;
  const first = own.values().next().value;
  if (first === undefined) return `${before.trimEnd()}\n\n${renderToml(table)}`;
  // In a multi-line string a line may look like a table.
  if (/"""|'''/.test(before)) return undefined;
  return lines.map((line, i) => (i === first ? renderToml(table) : own.has(i) ? '' : line)).join('');
}

/** Numbers of the lines that make the table now; none if it is not there; undefined if it is there in another form. */
function ownLines(lines: readonly string[], { section, name, entry }: TomlTable): ReadonlySet<number> | undefined {
  const own = new Set<number>();
  let header: string[] = [];
  for (const [i, line] of lines.entries()) {
    const opened = HEADER.exec(line)?.[1];
    if (opened) header = partsOf(opened);
    const key = opened ? [] : partsOf(ASSIGNMENT.exec(line)?.[1] ?? '');
    const path = [...header, ...key];
    if ((!opened && key.length === 0) || path[0] !== section) continue;
    if (header.length === 0) return undefined; // an inline table or dotted keys: a [table] may not add to them
    if (path[1] !== name) continue;
    const isOurs = opened ? header.length === 2 && own.size === 0 : header.length === 2 && (key[0] ?? '') in entry;
    if (!isOurs || key.length > 1) return undefined;
    own.add(i);
  }
  return own;
}

const partsOf = (path: string): string[] =>
  [...path.matchAll(new RegExp(KEY, 'g'))].map(([part]) => part.replace(/^["']|["']$/g, ''));
