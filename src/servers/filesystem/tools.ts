import * as z from 'zod';

const MAX_WAIT_SECONDS = 300;
/** More would hold the event loop while they are written. */
const MAX_CHANGES = 5000;

const type = z.enum(['file', 'directory', 'symlink', 'other']);
const described = {
  path: z.string().describe('The watched directory, its links resolved'),
  state: z
    .enum(['watching', 'missing'])
    .describe('missing: the directory is not there; when it is back, so are its changes'),
  mode: z
    .enum(['native', 'polling'])
    .describe('native: the system reports changes; polling: everything is looked at again and again'),
  mode_reason: z.string().optional().describe('Why it polls'),
  trouble: z.string().optional().describe('Why the last look at it failed; it is tried again'),
};
const watch = z.object({
  watch: z.string().describe('Name of the watch, for fs_watch_stop'),
  ...described,
  entries: z.int().describe('How many files and directories are watched'),
  durable: z.boolean().describe('Whether its cursors outlive this server process'),
  cursor: z.string().describe('For fs_changes: the changes from now on'),
});

const start = {
  name: 'fs_watch_start',
  title: 'Watch a directory',
  description:
    'Watches a directory and everything below it, and answers with a cursor from which fs_changes tells what was changed. Ignores .git, node_modules and what .gitignore files say. Follows no symbolic links. Only works within allowed directories.',
  input: z.strictObject({
    path: z.string().min(1).describe('The directory'),
    ignore: z
      .array(z.string().min(1).max(1000))
      .max(100)
      .default([])
      .describe('Further patterns as in a .gitignore; "!pattern" takes back what others ignore, as in "!node_modules"'),
    use_gitignore: z.boolean().default(true).describe('Whether .gitignore files count'),
    polling: z.boolean().default(false).describe('Polls also where the system would report changes'),
  }),
  output: watch,
  annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
};

const stop = {
  name: 'fs_watch_stop',
  title: 'Stop watching a directory',
  description: 'Ends a watch and forgets its changes.',
  input: z.strictObject({ watch: z.string().describe('Name of the watch, from fs_watch_start or fs_watch_list') }),
  output: z.object({ watch: z.string(), stopped: z.literal(true) }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
};

const list = {
  name: 'fs_watch_list',
  title: 'Watched directories',
  description: 'Lists what is watched, and what was watched by this server before it was restarted.',
  input: z.strictObject({}),
  output: z.object({
    watches: z.array(watch),
    suspended: z
      .array(z.object({ watch: z.string(), path: z.string() }))
      .describe('Watches from before a restart; fs_changes with a cursor of theirs goes on with them'),
  }),
  annotations: { readOnlyHint: true, openWorldHint: false },
};

const changes = {
  name: 'fs_changes',
  title: 'Changes in a watched directory',
  description:
    'Tells what was changed since a cursor, in order, each path once, with the change that leads from what it was at the cursor to what it is now. The same cursor can be used again. With "overflow" changes were lost: list the directory anew, then go on from the answer\'s cursor.',
  input: z.strictObject({
    cursor: z.string().min(1).describe('From fs_watch_start, or the last fs_changes'),
    wait_seconds: z
      .number()
      .min(0)
      .max(MAX_WAIT_SECONDS)
      .default(0)
      .describe('How long to wait for a change if there is none; less than your own time limit for calls'),
    limit: z.int().min(1).max(MAX_CHANGES).default(1000).describe('How many changes to tell at most'),
  }),
  output: z.object({
    watch: z.string(),
    ...described,
    overflow: z.boolean().describe('Changes since the cursor were lost: list the directory anew'),
    overflow_reason: z.string().optional(),
    changes: z.array(
      z.object({
        path: z.string(),
        type,
        kind: z
          .enum(['created', 'modified', 'deleted', 'ignored'])
          .describe(
            'created: there now, and was not at the cursor, or as another thing; ignored: there, but ignored from now on',
          ),
      }),
    ),
    more: z.boolean().describe('There are further changes after the cursor already'),
    cursor: z.string().describe('For the next call'),
  }),
  annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
};

/** The tools that are added, by name. */
export const TOOLS = { fs_watch_start: start, fs_watch_stop: stop, fs_watch_list: list, fs_changes: changes } as const;

/** As `tools/list` shows them (2025-11-25, server/tools). */
export function listedTools(): object[] {
  return Object.values(TOOLS).map(({ input, output, ...rest }) => ({
    ...rest,
    inputSchema: jsonSchemaOf(input, 'input'),
    outputSchema: jsonSchemaOf(output, 'output'),
  }));
}

/** Without `$schema`: JSON Schema 2020-12 is MCP's default, and validators that know only an older draft can read it. */
function jsonSchemaOf(schema: z.ZodObject, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}

/** What a watch is, in answers. */
export type WatchAnswer = z.output<typeof watch>;
export type ChangesAnswer = z.output<(typeof changes)['output']>;
