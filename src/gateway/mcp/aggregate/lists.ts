import { AppError } from '../../../core/errors.ts';
import { isServerName, type ServerName } from '../../../core/ids.ts';
import { publicName, publicUri } from './names.ts';

type Fields = Record<string, unknown>;

/** A list that is merged over the servers: the result's field, the capability, and what makes an entry's name unique. */
export interface ListMethod {
  readonly field: string;
  readonly capability: 'tools' | 'prompts' | 'resources';
  readonly rename: (server: ServerName, entry: Fields) => Fields;
}

const byName = (server: ServerName, entry: Fields): Fields => ({
  ...entry,
  name: publicName(server, String(entry.name)),
});

const METHODS: Readonly<Record<string, ListMethod>> = {
  'tools/list': { field: 'tools', capability: 'tools', rename: byName },
  'prompts/list': { field: 'prompts', capability: 'prompts', rename: byName },
  'resources/list': {
    field: 'resources',
    capability: 'resources',
    rename: (server, entry) => ({ ...entry, uri: publicUri(server, String(entry.uri)) }),
  },
  'resources/templates/list': {
    field: 'resourceTemplates',
    capability: 'resources',
    rename: (server, entry) => ({ ...entry, uriTemplate: publicUri(server, String(entry.uriTemplate)) }),
  },
};

/** Undefined: the method is none of these. Names come from clients: what every object inherits is none of them. */
export const listMethod = (method: string): ListMethod | undefined =>
  Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;

/** One server's answer, or why there is none. */
export type ListAnswer = { readonly server: ServerName } & ({ readonly result: Fields } | { readonly error: AppError });

/** Where the servers' own absence is told, in `_meta` of a merged list: name -> reason. */
const UNAVAILABLE = 'mcp-session-manager/unavailable';

/**
 * One page of the merged list. A server that did not answer is left out, and named in `_meta`.
 * @throws AppError the first server's error, if none answered
 */
export function mergeLists(method: ListMethod, answers: readonly ListAnswer[]): Fields {
  const entries: Fields[] = [];
  const cursors: Record<ServerName, unknown> = {};
  const unavailable: Record<ServerName, string> = {};
  let failure: AppError | undefined;
  for (const answer of answers) {
    if ('error' in answer) {
      failure ??= answer.error;
      unavailable[answer.server] = answer.error.message;
      continue;
    }
    const page = answer.result[method.field];
    // What is no object is no entry: it must not spoil the list of the others.
    for (const entry of Array.isArray(page) ? page : [])
      if (typeof entry === 'object' && entry !== null) entries.push(method.rename(answer.server, entry as Fields));
    if (answer.result.nextCursor !== undefined) cursors[answer.server] = answer.result.nextCursor;
  }
  const absent = Object.keys(unavailable).length;
  if (failure && absent === answers.length) throw failure;
  return {
    [method.field]: entries,
    ...(Object.keys(cursors).length > 0 ? { nextCursor: encodeCursor(cursors) } : {}),
    ...(absent > 0 ? { _meta: { [UNAVAILABLE]: unavailable } } : {}),
  };
}

function encodeCursor(cursors: Readonly<Record<ServerName, unknown>>): string {
  return Buffer.from(JSON.stringify(cursors)).toString('base64url');
}

/**
 * The servers' own cursors in one of ours: only those have another page.
 * @throws AppError `params.invalid` (2025-11-25, server/utilities/pagination, "Error Handling")
 */
export function decodeCursor(cursor: unknown): ReadonlyMap<ServerName, unknown> {
  try {
    const fields = JSON.parse(Buffer.from(String(cursor), 'base64url').toString()) as Fields;
    const entries = Object.entries(fields);
    if (entries.length > 0 && entries.every(([server]) => isServerName(server))) return new Map(entries);
  } catch {
    // not one of ours
  }
  throw new AppError('params.invalid', 'This cursor is not one that was given here: list again without one');
}
