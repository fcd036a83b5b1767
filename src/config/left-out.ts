import { type Node, parseTree } from 'jsonc-parser';

/** What stands in a kept text in the place of a secret. */
export const LEFT_OUT = '(secret, not kept)';

/** Names of secrets: `SEARCH_KEY`, `password2`, `GITHUB_PAT`; not `password_env_var`, which names a variable. */
const SECRET =
  /(token|pass(word|phrase|wd)?|pwd|secret|key|credential|authorization|(^|[_-])(pat|auth))s?[_-]?\d{0,3}$/i;
/** A value that stands for a variable of the session, and is no secret itself. */
const VARIABLE = /^(\$\{[^}]*\}\s*)+$/;

/** A text of a JSON file that is a secret. */
interface Secret {
  readonly node: Node;
  /** Where it is. Entries of lists go by their `name`, where they have one: their number may change. */
  readonly place: string;
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
  const there = secretsIn(present ?? '').filter(({ node }) => node.value !== LEFT_OUT);
  const known = new Map(there.map(({ node, place }) => [place, node.value as string]));
  return replaced(kept, (place, value) => (value === LEFT_OUT ? known.get(place) : value));
}

/** Where `text` still has `LEFT_OUT`: secrets that somebody has to write there. */
export const leftOutIn = (text: string): readonly string[] =>
  secretsIn(text).flatMap(({ node, place }) => (node.value === LEFT_OUT ? [place] : []));

function replaced(text: string, by: (place: string, value: string) => string | undefined) {
  const missing: string[] = [];
  let result = text;
  for (const { node, place } of secretsIn(text).reverse()) {
    const value = by(place, node.value as string);
    if (value === undefined) missing.unshift(place);
    else result = result.slice(0, node.offset) + JSON.stringify(value) + result.slice(node.offset + node.length);
  }
  return { text: result, missing };
}

function secretsIn(text: string): Secret[] {
  const tree = parseTree(text);
  return tree ? [...secretsOf(tree, [])] : [];
}

function* secretsOf(node: Node, path: readonly string[]): Generator<Secret> {
  const children = node.children ?? [];
  if (node.type === 'string' && isSecret(node, path)) yield { node, place: path.join('.') };
  else if (node.type === 'object')
    for (const { children: [name, value] = [] } of children)
      if (value) yield* secretsOf(value, [...path, String(name?.value)]);
  if (node.type === 'array')
    for (const [index, child] of children.entries()) yield* secretsOf(child, [...path, nameOf(child) ?? String(index)]);
}

function isSecret(node: Node, path: readonly string[]): boolean {
  const value = node.value as string;
  if (value === LEFT_OUT) return true;
  if (value === '' || VARIABLE.test(value)) return false;
  if (URL.parse(value)?.password) return true;
  const list = node.parent?.type === 'array' ? (node.parent.children ?? []) : undefined;
  if (path.at(-2) === 'args' && list) {
    const before: unknown = list[list.indexOf(node) - 1]?.value;
    const [option = '', ...given] = value.split('=');
    return isOption(before) || (given.length > 0 && isOption(option));
  }
  const name = path.findLast((part) => !/^\d+$/.test(part)) ?? '';
  return SECRET.test(name);
}

const isOption = (text: unknown): boolean => typeof text === 'string' && text.startsWith('-') && SECRET.test(text);

function nameOf(node: Node): string | undefined {
  const named = node.children?.find(({ children }) => children?.[0]?.value === 'name');
  const value: unknown = named?.children?.[1]?.value;
  return typeof value === 'string' ? value : undefined;
}
