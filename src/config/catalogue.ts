import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { Catalogue, CatalogueEntry } from '../core/catalogue.ts';
import { AppError, messageOf } from '../core/errors.ts';
import { isServerName } from '../core/ids.ts';

const text = z.string({ error: 'must be a text' }).min(1, { error: 'must not be empty' });
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const variableName = text.regex(VARIABLE, { error: 'must be the name of an environment variable' });
const fileName = text.regex(/^(?!\.{1,2}$)[^/\\\0]+$/, { error: 'must be a file name without directories' });
const amount = (what: string) =>
  z.number({ error: `must be a number of ${what}` }).positive({ error: `must be a number of ${what} above 0` });
const wholeAmount = (what: string) => amount(what).int({ error: `must be a whole number of ${what}` });

/** One entry of `mcpServers`, as people write it: the ecosystem's `command`, `args`, `env` and what this program adds. */
const entrySchema = z
  .strictObject({
    transport: z.enum(['stdio', 'module'], { error: 'must be "stdio" or "module"' }).exactOptional(),
    command: text.exactOptional(),
    module: text.exactOptional(),
    args: z.array(z.string({ error: 'must be a text' }), { error: 'must be a list of texts' }).default([]),
    env: z.record(variableName, z.string({ error: 'must be a text' })).default({}),
    variables: z.array(variableName, { error: 'must be a list of variable names' }).default([]),
    files: z.record(fileName, text).default({}),
    image: text.exactOptional(),
    limits: z
      .strictObject({
        memoryMb: wholeAmount('megabytes').exactOptional(),
        cpus: amount('processors').exactOptional(),
        pids: wholeAmount('processes').exactOptional(),
      })
      .exactOptional(),
    network: z.enum(['none', 'egress', 'bridge'], { error: 'must be "none", "egress" or "bridge"' }).exactOptional(),
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

/** What the placeholders that are known before a session exists stand for. */
export interface CataloguePlace {
  /** `${dist}`: the directory of the built program. */
  readonly dist: string;
  /** What `"command": "node"` stands for: the Node that runs the manager. */
  readonly node: string;
}

/**
 * Reads catalogue files; a later file's entry replaces an earlier one of the same name, and `null` takes it out. Paths of
 * modules, templates, mounts and commands with a directory in them are relative to their file.
 * @throws AppError `config.invalid` that names file and field of everything that is wrong
 */
export function loadCatalogue(files: readonly string[], place: CataloguePlace): Catalogue {
  const catalogue = new Map<string, CatalogueEntry>();
  for (const file of files) {
    for (const [name, entry] of Object.entries(readCatalogue(file))) {
      if (entry) catalogue.set(name, completed(name, entry, dirname(file), place));
      else catalogue.delete(name);
    }
  }
  return catalogue;
}

function readCatalogue(file: string): Record<string, WrittenEntry | null> {
  let written: unknown;
  try {
    written = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new AppError('config.invalid', `The catalogue of servers cannot be read: ${file}: ${messageOf(error)}`);
  }
  const result = fileSchema.safeParse(written);
  if (result.success) return result.data.mcpServers;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.map(String).join('.') || '(top)'} ${wordOf(issue)}`,
  );
  throw new AppError('config.invalid', `The catalogue of servers ${file} is not valid:\n  ${problems.join('\n  ')}`);
}

function wordOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `has unknown fields: ${issue.keys.join(', ')}`;
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  return issue.message;
}

function completed(name: string, entry: WrittenEntry, directory: string, place: CataloguePlace): CatalogueEntry {
  const here = (value: string) => value.replaceAll('${dist}', place.dist);
  const path = (value: string) => resolve(directory, here(value));
  const { transport: _, command = '', module, args, env, variables, files, mounts, ...rest } = entry;
  const program = command === 'node' ? place.node : command.includes('/') ? path(command) : command;
  return {
    ...rest,
    name,
    transport: module === undefined ? 'stdio' : 'module',
    command: module === undefined ? program : path(module),
    args: args.map(here),
    env,
    variables: [...new Set([...variables, ...Object.values(env).flatMap(variablesIn)])],
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
}

function variablesIn(value: string): string[] {
  return [...value.matchAll(/\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g)].map((match) => match[1] as string);
}
