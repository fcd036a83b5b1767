/** Writes docs/tools.md from the tools' own definitions: node scripts/tools-doc.ts */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { Tool } from '../src/servers/proxmox/tool.ts';
import { TOOLS } from '../src/servers/proxmox/tools/index.ts';

const FILE = fileURLToPath(new URL('../docs/tools.md', import.meta.url));

const HEAD = `# Tools of the Proxmox server

Made from the tools' own schemas by \`node scripts/tools-doc.ts\`; not to be edited. What they may do, and how it is kept in bounds:
[proxmox.md](proxmox.md).

Every tool that asks Proxmox also takes \`server\`, one of those in \`proxmox-config.json\`, the default one if absent. What is marked *destructive*
also takes \`plan_token\`: without it the call returns a plan, with it the plan is applied.
`;

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

const schemaOf = (schema: z.ZodObject, io: 'input' | 'output'): Schema => z.toJSONSchema(schema, { io }) as Schema;

/** The whole file. */
export function toolsDoc(): string {
  const rows = TOOLS.map(
    (tool) => `| [\`${tool.name}\`](#${tool.name}) | ${classOf(tool)} | ${effectsOf(tool)} | ${tool.title} |`,
  );
  const list = ['| tool | class | does | |', '|---|---|---|---|', ...rows].join('\n');
  return `${[HEAD, list, ...TOOLS.map(section)].join('\n\n').replace(/\n{3,}/g, '\n\n')}\n`;
}

const classOf = ({ operation }: Tool): string => (operation === 'derived' ? 'that of the path' : `\`${operation}\``);

function effectsOf({ effects }: Tool): string {
  const words = { read: 'reads', write: 'changes', destructive: '*destructive*' } as const;
  return effects.map((effect) => words[effect]).join(', ');
}

function section(tool: Tool): string {
  const { properties = {}, required = [] } = schemaOf(tool.input, 'input');
  const rows = Object.entries(properties).map(([name, one]) => {
    const needed = required.includes(name)
      ? 'yes'
      : one.default === undefined
        ? ''
        : `\`${JSON.stringify(one.default)}\``;
    return `| \`${name}\` | ${cell(typeOf(one))} | ${needed} | ${cell(one.description ?? '')} |`;
  });
  const args =
    rows.length > 0
      ? ['| argument | type | needed or default | |', '|---|---|---|---|', ...rows].join('\n')
      : 'No arguments.';
  const fields = Object.entries(schemaOf(tool.output, 'output').properties ?? {});
  const answer = fields.map(([name, one]) => `\`${name}\`${one.description ? ` (${one.description})` : ''}`).join(', ');
  return `## ${tool.name}\n\n${tool.description}\n\nClass: ${classOf(tool)}; ${effectsOf(tool)}.\n\n${args}\n\nAnswers ${answer}.`;
}

function typeOf({ type, enum: values, items, anyOf, properties, required = [] }: Schema): string {
  if (values) return values.map((value) => `\`${value}\``).join(', ');
  if (anyOf) return anyOf.map(typeOf).join(' or ');
  if (type === 'array') return `list of ${items ? typeOf(items) : 'anything'}`;
  if (!properties) return type ?? 'anything';
  const fields = Object.entries(properties).map(
    ([name, one]) => `\`${name}\`${required.includes(name) ? '' : '?'} ${typeOf(one)}`,
  );
  return `{ ${fields.join('; ')} }`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(FILE, toolsDoc());
