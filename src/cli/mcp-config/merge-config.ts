import { isDeepStrictEqual } from 'node:util';
import { applyEdits, format, modify, type Node, type ParseError, parse as parseJsonc, parseTree } from 'jsonc-parser';
import type { ClientConfig } from './client-config.ts';
import { mergeToml, renderToml } from './merge-toml.ts';

/** What a merge came to: the file's new text, or why it must be done by hand. */
export type Merged = { readonly text: string } | { readonly problem: string };

/** The configuration as a file of its own. */
export function render(config: ClientConfig): string {
  if (config.file.endsWith('.toml')) return renderToml(config);
  return `${JSON.stringify({ [config.section]: { [config.name]: config.entry } }, null, 2)}\n`;
}

/** `before` with the entry of `config`, and with all else as it was, comments too. Merging again changes nothing. */
export function merge(before: string, config: ClientConfig): Merged {
  if (before.trim() === '') return { text: render(config) };
  if (!config.file.endsWith('.toml')) return mergeJson(before, config);
  const text = mergeToml(before, config);
  return text === undefined
    ? { problem: `its [${config.section}], or "${config.name}" in it, has a form that cannot be changed safely` }
    : { text };
}

type Json = Readonly<Record<string, unknown>>;

/** As the clients read it: comments and trailing commas are allowed, and taken along. */
const LENIENT = { allowTrailingComma: true, disallowComments: false } as const;

function mergeJson(before: string, config: ClientConfig): Merged {
  const bom = before.startsWith('\ufeff') ? '\ufeff' : '';
  const body = before.slice(bom.length);
  const errors: ParseError[] = [];
  const tree = parseTree(body, errors, LENIENT);
  if (!tree || errors.length > 0) return { problem: 'it is not JSON, with comments or without' };
  if (tree.type !== 'object') return { problem: 'it does not hold a JSON object' };
  if (isTwice(tree, config.section)) return { problem: `it has "${config.section}" twice` };
  const root = parseJsonc(body, [], LENIENT) as Json;
  const section = root[config.section] ?? {};
  if (!isObject(section)) return { problem: `"${config.section}" in it is not an object` };
  const entry = section[config.name];
  if (JSON.stringify(entry) === JSON.stringify(config.entry)) return { text: before };
  if (entry !== undefined && !isOurs(entry)) return { problem: `it has another server named "${config.name}"` };
  const text = inserted(body, config);
  const expected = { ...root, [config.section]: { ...section, [config.name]: config.entry } };
  if (!isDeepStrictEqual(parseJsonc(text, [], LENIENT), expected))
    return { problem: 'it has a form that cannot be changed safely' };
  return { text: bom + text };
}

/** What may stand between a property and the end of its line. */
const REST_OF_LINE = /^([ \t]*,)?(?:[ \t]*(?:\/\/[^\r\n]*|\/\*[^\r\n]*?\*\/[ \t]*))?(?=\r?\n)/;

/** `body` with the entry on lines of its own, which alone are formatted: as the lines around them are. */
function inserted(body: string, { section, name, entry }: ClientConfig): string {
  const indent = /^([ \t]+)\S/m.exec(body)?.[1] ?? '  ';
  const eol = body.includes('\r\n') ? '\r\n' : '\n';
  const [edit] = modify(body, [section, name], entry, {});
  if (!edit) return body;
  const head = body.slice(0, edit.offset);
  const tail = body.slice(edit.offset + edit.length);
  const margin = /^[ \t]*/.exec(head.slice(head.lastIndexOf('\n') + 1))?.[0] ?? '';
  const isNext = edit.content.startsWith(',');
  const isFirst = !isNext && edit.length === 0;
  // A comment behind the property before stays there; so does a comma that the file has behind its last ones.
  const [rest = '', comma = ''] = (isNext && REST_OF_LINE.exec(tail)) || [];
  const depth = edit.content.startsWith(`,${JSON.stringify(section)}`) ? 1 : 2;
  const start = isNext ? eol + (margin || indent.repeat(depth)) : isFirst ? eol + margin + indent : '';
  const before = head + (isNext && !comma ? ',' : '') + rest + start;
  const content = edit.content.slice(isNext ? 1 : 0) + (comma && ',');
  const after = (isFirst && /^[ \t]*\}/.test(tail) ? eol + margin : '') + tail.slice(rest.length);
  const text = before + content + after;
  const options = { insertSpaces: !indent.startsWith('\t'), tabSize: indent.startsWith('\t') ? 1 : indent.length, eol };
  return applyEdits(text, format(text, { offset: before.length, length: content.length }, options));
}

/** A reader takes the last one of a name, an editor changes the first. */
function isTwice({ children = [] }: Node, key: string): boolean {
  return children.filter(({ children: [name] = [] }) => name?.value === key).length > 1;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An entry that this program wrote, perhaps for another address or from another place. */
function isOurs(entry: unknown): boolean {
  const text = JSON.stringify(entry);
  return text.includes('MCP_SESSION_') || text.includes('mcp-session-manager');
}
