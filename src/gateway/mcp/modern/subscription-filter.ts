import { AppError } from '../../../core/errors.ts';
import type { RpcRequest } from '../../../core/json-rpc.ts';
import { asFields, type Fields } from '../fields.ts';

/** What a client wants to be told of (2026-07-28, schema `SubscriptionFilter`). */
export interface SubscriptionFilter {
  /** Lists of which it wants to know when they change: `tools`, `prompts`, `resources`. */
  readonly lists: ReadonlySet<string>;
  /** Resources of which it wants to know when they change. */
  readonly uris: readonly string[];
}

const LISTS = ['tools', 'prompts', 'resources'] as const;
/** Each is a request to a server. */
const MAX_URIS = 1000;

/** @throws AppError `request.params` */
export function filterOf({ params }: RpcRequest): SubscriptionFilter {
  const wanted = asFields(params?.notifications);
  if (!wanted) throw new AppError('request.params', 'params.notifications is missing: it says what to listen to');
  const lists = LISTS.filter((list) => {
    const flag = wanted[`${list}ListChanged`];
    if (flag !== undefined && typeof flag !== 'boolean')
      throw new AppError('request.params', `params.notifications.${list}ListChanged must be true or false`);
    return flag === true;
  });
  const uris = wanted.resourceSubscriptions ?? [];
  if (!Array.isArray(uris) || uris.length > MAX_URIS || uris.some((uri) => typeof uri !== 'string'))
    throw new AppError('request.params', `params.notifications.resourceSubscriptions must be at most ${MAX_URIS} URIs`);
  return { lists: new Set(lists), uris: [...new Set(uris as string[])] };
}

/** The part of a filter that servers with these capabilities tell of. */
export function supported({ lists, uris }: SubscriptionFilter, capabilities: Fields): SubscriptionFilter {
  return {
    lists: new Set([...lists].filter((list) => asFields(capabilities[list])?.listChanged === true)),
    uris: asFields(capabilities.resources)?.subscribe === true ? uris : [],
  };
}

/** A server may tell of a part of what was subscribed to (2025-11-25, schema `ResourceUpdatedNotificationParams`). */
export function covers({ uris }: SubscriptionFilter, uri: unknown): boolean {
  if (typeof uri !== 'string') return false;
  return uris.some((whole) => uri === whole || uri.startsWith(whole.endsWith('/') ? whole : `${whole}/`));
}
