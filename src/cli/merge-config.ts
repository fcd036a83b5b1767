import type { ClientConfig } from './client-config.ts';
import { mergeToml, renderToml } from './merge-toml.ts';

/** What a merge came to: the file's new text, or why it must be done by hand. */
export type Merged = { readonly text: string } | { readonly problem: string };

/** The configuration as a file of its own. */
export function render(config: ClientConfig): string {
  if (config.file.endsWith('.toml')) return renderToml(config);
  return `${JSON.stringify({ [config.section]: { [config.name]: config.entry } }, null, 2)}\n`;
}

/** `before` with the entry of `config`, and with all else as it was. Merging again changes nothing. */
export function merge(before: string, config: ClientConfig): Merged {
  if (before.trim() === '') return { text: render(config) };
  if (!config.file.endsWith('.toml')) return mergeJson(before, config);
  const text = mergeToml(before, config);
  return text === undefined
    ? { problem: `its [${config.section}], or "${config.name}" in it, has a form that cannot be changed safely` }
    : { text };
}

type Json = Readonly<Record<string, unknown>>;

function mergeJson(before: string, config: ClientConfig): Merged {
  const bom = before.startsWith('\ufeff') ? '\ufeff' : '';
  const root = parseJson(before.slice(bom.length));
  if (root === undefined) return { problem: 'it is not plain JSON (comments would be lost)' };
  if (!isObject(root)) return { problem: 'it does not hold a JSON object' };
  const section = root[config.section] ?? {};
  if (!isObject(section)) return { problem: `"${config.section}" in it is not an object` };
  const entry = section[config.name];
  if (JSON.stringify(entry) === JSON.stringify(config.entry)) return { text: before };
  if (entry !== undefined && !isOurs(entry)) return { problem: `it has another server named "${config.name}"` };
  const after = { ...root, [config.section]: { ...section, [config.name]: config.entry } };
  const indent = /^([ \t]+)\S/m.exec(before)?.[1] ?? '  ';
  return { text: `${bom}${JSON.stringify(after, null, indent)}\n` };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An entry that this program wrote, perhaps for another address or from another place. */
function isOurs(entry: unknown): boolean {
  const text = JSON.stringify(entry);
  return text.includes('MCP_SESSION_') || text.includes('mcp-session-manager');
}
