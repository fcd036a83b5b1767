import { type Node, parseTree } from 'jsonc-parser';

/** What stands in a kept text in the place of a secret. */
export const LEFT_OUT = '(secret, not kept)';

/** Names of secrets: `SEARCH_KEY`, `password2`, `GITHUB_PAT`; not `password_env_var`, which names a variable. */
const SECRET =
  /(token|pass(word|phrase|wd)?|pwd|secret|key|credential|authorization|(^|[_-])(pat|auth))s?[_-]?\d{0,3}$/i;
/** A value that stands for a variable of the session, and is no secret itself. */
const VARIABLE = /^((bearer|basic)\s+)?(\$\{[^}]*\}\s*)+$/i;
/** `--token=`, `SEARCH_KEY=` (as `docker run -e` has it) or `Authorization: ` at the beginning of an argument. */
const NAMED = /^([\w.-]+)(=|:\s*)(?=.)/s;

/** A text of a JSON file that is a secret. */
interface Secret {
  readonly node: Node;
  /** Where it is. Entries of lists go by their `name`, arguments by their option, where they have one: their number may change. */
  readonly place: string;
  /** What is no secret yet, at the beginning of the text: `--token=`. */
  readonly head: string;
  readonly value: string;
}

/** `text`, which is JSON, with `LEFT_OUT` in the place of each secret; all else stays as it is. */
export function withoutSecrets(text: string): string {
  return replaced(text, () => LEFT_OUT).text;
}

/**
 * `kept` with its secrets as `present` has them.
 * @param present the file as it is now, which may be damaged; undefined: it is not there
 * @returns the text, and the places of the secrets that `present` has not either, where `LEFT_OUT` stays
 */
export function withSecrets(kept: string, present: string | undefined): { text: string; missing: readonly string[] } {
  const there = secretsIn(present ?? '').filter(({ value }) => value !== LEFT_OUT);
  const known = new Map(there.map(({ place, value }) => [place, value]));
  return replaced(kept, (place, value) => (value === LEFT_OUT ? known.get(place) : value));
}

/** Where `text` still has `LEFT_OUT`: secrets that somebody has to write there. */
export const leftOutIn = (text: string): readonly string[] =>
  secretsIn(text).flatMap(({ place, value }) => (value === LEFT_OUT ? [place] : []));

function replaced(text: string, by: (place: string, value: string) => string | undefined) {
  const missing: string[] = [];
  let result = text;
  for (const { node, place, head, value } of secretsIn(text).reverse()) {
    const next = by(place, value);
    if (next === undefined) missing.unshift(place);
    else result = result.slice(0, node.offset) + JSON.stringify(head + next) + result.slice(node.offset + node.length);
  }
  return { text: result, missing };
}

function secretsIn(text: string): Secret[] {
  const tree = parseTree(text);
  return tree ? [...secretsOf(tree, [])] : [];
}

function* secretsOf(node: Node, path: readonly string[]): Generator<Secret> {
  const children = node.children ?? [];
  if (node.type === 'string') {
    const secret = path.at(-2) === 'args' ? secretArgument(node, path) : secretText(node, path);
    if (secret) yield secret;
  } else if (node.type === 'object')
    for (const { children: [name, value] = [] } of children)
      if (value) yield* secretsOf(value, [...path, String(name?.value)]);
  if (node.type === 'array')
    for (const [index, child] of children.entries()) yield* secretsOf(child, [...path, nameOf(child) ?? String(index)]);
}

/** Undefined: it is none. */
function secretText(node: Node, path: readonly string[]): Secret | undefined {
  const value = node.value as string;
  const name = path.findLast((part) => !/^\d+$/.test(part)) ?? '';
  return isSecret(name, value) ? { node, place: path.join('.'), head: '', value } : undefined;
}

/** The same for an argument of a command, whose name may be in it, or be the argument before it. */
function secretArgument(node: Node, path: readonly string[]): Secret | undefined {
  const text = node.value as string;
  const list = node.parent?.children ?? [];
  const before: unknown = list[list.indexOf(node) - 1]?.value;
  const option = typeof before === 'string' && before.startsWith('-') ? before : '';
  const [head = '', name = ''] = NAMED.exec(text) ?? [];
  const place = (own: string) => [...path.slice(0, -1), own || path.at(-1)].join('.');
  if (isSecret(option, text)) return { node, place: place(option), head: '', value: text };
  const value = text.slice(head.length);
  return isSecret(name, value) ? { node, place: place(head.trim()), head, value } : undefined;
}

function isSecret(name: string, value: string): boolean {
  if (value === LEFT_OUT) return true;
  if (value === '' || VARIABLE.test(value)) return false;
  return SECRET.test(name) || hasSecret(URL.parse(value));
}

/** A password, or a parameter that is a secret by its name. */
function hasSecret(url: URL | null): boolean {
  if (!url) return false;
  return url.password !== '' || [...url.searchParams].some(([name, value]) => isSecret(name, value));
}

function nameOf(node: Node): string | undefined {
  const named = node.children?.find(({ children }) => children?.[0]?.value === 'name');
  const value: unknown = named?.children?.[1]?.value;
  return typeof value === 'string' ? value : undefined;
}
