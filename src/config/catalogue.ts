import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { Catalogue, CatalogueEntry } from '../core/catalogue.ts';
import { authorityOf, egressTemplateOf } from '../core/egress.ts';
import { AppError, messageOf } from '../core/errors.ts';
import { isServerName } from '../core/ids.ts';
import { lineAt, parseJson } from './json-text.ts';
import { leftOutIn } from './left-out.ts';

const text = z.string({ error: 'must be a text' }).min(1, { error: 'must not be empty' });
const PLACEHOLDER = /\$\{env:[A-Za-z_][A-Za-z0-9_]*\}/g;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const variableName = text.regex(VARIABLE, { error: 'must be the name of an environment variable' });
const fileName = text.regex(/^(?!\.{1,2}$)[^/\\\0]+$/, { error: 'must be a file name without directories' });
const amount = (what: string) =>
  z.number({ error: `must be a number of ${what}` }).positive({ error: `must be a number of ${what} above 0` });
/** Hosts that one entry may name: all of them go with each connection that the server makes. */
const MAX_EGRESS = 16;
/** Tools that one entry may name: each is a label's value in the metrics. */
const MAX_TOOLS = 200;
/** What the specification says of names of tools (2025-11-25, server/tools, "Tool Names"). */
const toolName = text.regex(/^[A-Za-z0-9_.-]{1,128}$/, {
  error: 'must be the name of a tool: letters, digits, "_", "-" and ".", at most 128',
});
const wholeAmount = (what: string) => amount(what).int({ error: `must be a whole number of ${what}` });

/** One entry of `mcpServers`, as people write it: the ecosystem's `command`, `args`, `env` and what this program adds. */
const entrySchema = z
  .strictObject({
    // As some clients write it. What a URL leads to is not launched here.
    type: z.literal('stdio', { error: 'must be "stdio": only servers that speak it can be launched' }).exactOptional(),
    transport: z.enum(['stdio', 'module'], { error: 'must be "stdio" or "module"' }).exactOptional(),
    command: text.exactOptional(),
    module: text.exactOptional(),
    args: z.array(z.string({ error: 'must be a text' }), { error: 'must be a list of texts' }).default([]),
    env: z.record(variableName, z.string({ error: 'must be a text' })).default({}),
    variables: z.array(variableName, { error: 'must be a list of variable names' }).default([]),
    files: z.record(fileName, text).default({}),
    clientRoots: z.boolean({ error: 'must be true or false' }).exactOptional(),
    tools: z
      .array(toolName, { error: 'must be a list of names of tools' })
      .max(MAX_TOOLS, { error: `must have at most ${MAX_TOOLS} entries` })
      .exactOptional(),
    workspace: z.boolean({ error: 'must be true or false' }).exactOptional(),
    image: text.exactOptional(),
    limits: z
      .strictObject({
        memoryMb: wholeAmount('megabytes').exactOptional(),
        cpus: amount('processors').exactOptional(),
        pids: wholeAmount('processes').exactOptional(),
      })
      .exactOptional(),
    network: z.enum(['none', 'egress', 'bridge'], { error: 'must be "none", "egress" or "bridge"' }).exactOptional(),
    egress: z
      .array(text, { error: 'must be a list of texts' })
      .max(MAX_EGRESS, { error: `must have at most ${MAX_EGRESS} entries` })
      .exactOptional(),
    mounts: z
      .array(
        z.strictObject({
          source: text,
          target: text.startsWith('/', { error: 'must be an absolute path' }),
          readOnly: z.boolean({ error: 'must be true or false' }).default(true),
        }),
      )
      .exactOptional(),
  })
  .superRefine((entry, context) => {
    for (const [path, message] of contradictions(entry)) context.addIssue({ code: 'custom', path, message });
  });

type WrittenEntry = z.output<typeof entrySchema>;

const NAME_RULE =
  "must begin with a letter and hold only letters, digits and '-', at most 32: it is the prefix of the server's tools and the scheme of its resources at /mcp";

const fileSchema = z.strictObject(
  {
    mcpServers: z.record(
      z.string().refine(isServerName, { error: NAME_RULE }),
      // null takes a server out that another catalogue brought in.
      entrySchema.nullable(),
      { error: 'must be an object: server name -> entry' },
    ),
  },
  { error: 'must be an object with "mcpServers"' },
);

/**
 * Reads catalogue files; a later file's entry replaces an earlier one of the same name, and `null` takes it out. Paths of
 * modules, templates, mounts and commands with a directory in them are relative to their file.
 * @throws AppError `config.invalid` that names file and field of everything that is wrong
 */
export function loadCatalogue(files: readonly string[]): Catalogue {
  const catalogue = new Map<string, CatalogueEntry>();
  for (const file of files) {
    for (const [name, entry] of Object.entries(readCatalogue(file))) {
      if (entry) catalogue.set(name, completed(name, entry, dirname(file)));
      else catalogue.delete(name);
    }
  }
  return catalogue;
}

function readCatalogue(file: string): Record<string, WrittenEntry | null> {
  const unreadable = (why: string) =>
    new AppError('config.invalid', `The catalogue of servers cannot be read: ${file}: ${why}`);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(messageOf(error));
  }
  const parsed = parseJson(text);
  if ('problem' in parsed) throw unreadable(parsed.problem);
  const result = fileSchema.safeParse(parsed.value);
  const lost = leftOutIn(text);
  if (result.success && lost.length === 0) return result.data.mcpServers;
  const problems = [
    ...(result.error?.issues ?? []).map(
      (issue) => `${lineAt(text, issue.path)}${issue.path.map(String).join('.') || '(top)'} ${wordOf(issue)}`,
    ),
    ...lost.map((place) => `${place} is a secret that was not kept: write it there`),
  ];
  throw new AppError('config.invalid', `The catalogue of servers ${file} is not valid:\n  ${problems.join('\n  ')}`);
}

function wordOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `has unknown fields: ${issue.keys.join(', ')}`;
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  return issue.message;
}

function completed(name: string, entry: WrittenEntry, directory: string): CatalogueEntry {
  // Where the program lies and which Node runs it is the host's to say: it may be in a container.
  const path = (value: string) => (value.startsWith('${dist}/') ? value : resolve(directory, value));
  const { transport: _, command = '', module, args, env, variables, files, mounts, ...rest } = entry;
  const program = command === 'node' ? '${node}' : command.includes('/') ? path(command) : command;
  return {
    ...rest,
    name,
    transport: module === undefined ? 'stdio' : 'module',
    command: module === undefined ? program : path(module),
    args,
    env,
    variables: [...new Set([...variables, ...[...Object.values(env), ...(rest.egress ?? [])].flatMap(variablesIn)])],
    files: Object.fromEntries(Object.entries(files).map(([target, template]) => [target, path(template)])),
    ...(mounts ? { mounts: mounts.map((mount) => ({ ...mount, source: path(mount.source) })) } : {}),
  };
}

function* contradictions(entry: WrittenEntry): Generator<[path: string[], message: string]> {
  const module = entry.transport === 'module' || (entry.transport === undefined && entry.module !== undefined);
  if (module && entry.module === undefined) yield [['module'], 'is missing: the file that exports openServer'];
  if (module && entry.command !== undefined) yield [['command'], 'does not go with "module"'];
  if (!module && entry.command === undefined) yield [['command'], 'is missing: the program to start'];
  if (!module && entry.module !== undefined) yield [['module'], 'does not go with the transport "stdio"'];
  for (const [index, arg] of entry.args.entries())
    if (arg.includes('${env:'))
      yield [['args', String(index)], "must not hold ${env:...}: every user of the machine sees arguments; use 'env'"];
  for (const [name, value] of Object.entries(entry.env))
    for (const [, placeholder = ''] of value.matchAll(/\$\{([^}]*)\}/g))
      if (!['workspace', 'configDir'].includes(placeholder) && !/^env:[A-Za-z_][A-Za-z0-9_]*$/.test(placeholder))
        yield [
          ['env', name],
          `holds the unknown \${${placeholder}}; known: \${workspace}, \${configDir}, \${env:NAME}`,
        ];
  if (entry.egress && entry.network !== 'egress') yield [['egress'], 'goes with "network": "egress" only'];
  for (const [index, text] of (entry.egress ?? []).entries())
    if (!isEgress(text))
      yield [['egress', String(index)], 'must be HOST:PORT, such as ${env:PROXMOX_HOST}:8006 or api.example.org:443'];
}

function isEgress(text: string): boolean {
  const { host = '', port = '' } = egressTemplateOf(text) ?? {};
  return authorityOf(`${host.replaceAll(PLACEHOLDER, 'a')}:${port.replace(PLACEHOLDER, '1')}`) !== undefined;
}

function variablesIn(value: string): string[] {
  return [...value.matchAll(/\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g)].map((match) => match[1] as string);
}
