import type { ServerName } from '../../../core/ids.ts';
import type { RequestId } from '../../../core/json-rpc.ts';

/**
 * Names at `/mcp`, where several servers share one connection: all of it can be undone from the name alone, so that any
 * replica can.
 *
 * - tools and prompts: `{server}_{name}`
 * - resources and their templates: `{server}+{uri}`, a URI again since server names are schemes (RFC 3986, section 3.1)
 * - ids and progress tokens that a server chose: `{server}/{JSON of it}`
 */
export const publicName = (server: ServerName, name: string): string => `${server}_${name}`;
export const publicUri = (server: ServerName, uri: string): string => `${server}+${uri}`;
export const publicId = (server: ServerName, id: RequestId): string => `${server}/${JSON.stringify(id)}`;

export interface Split<T> {
  readonly server: ServerName;
  readonly own: T;
}

/** Undefined: it is not a name of any of `servers`. */
export const splitName = (servers: readonly ServerName[], name: unknown): Split<string> | undefined =>
  split(servers, name, '_');
export const splitUri = (servers: readonly ServerName[], uri: unknown): Split<string> | undefined =>
  split(servers, uri, '+');

export function splitId(servers: readonly ServerName[], id: unknown): Split<RequestId> | undefined {
  const found = split(servers, id, '/');
  if (!found) return undefined;
  try {
    const own: unknown = JSON.parse(found.own);
    return typeof own === 'string' || typeof own === 'number' ? { server: found.server, own } : undefined;
  } catch {
    return undefined;
  }
}

/** Server names hold none of the separators, so the first one ends the name. */
function split(servers: readonly ServerName[], text: unknown, separator: string): Split<string> | undefined {
  if (typeof text !== 'string') return undefined;
  const at = text.indexOf(separator);
  const server = text.slice(0, Math.max(at, 0));
  return servers.includes(server) ? { server, own: text.slice(at + 1) } : undefined;
}
