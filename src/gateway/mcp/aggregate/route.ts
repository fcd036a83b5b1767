import { AppError } from '../../../core/errors.ts';
import type { ServerName } from '../../../core/ids.ts';
import type { RpcRequest } from '../../../core/json-rpc.ts';
import { type Split, splitName, splitUri } from './names.ts';

type Fields = Record<string, unknown>;

/**
 * The server that a request at `/mcp` is for, and those of its parameters that have another name there.
 * @throws AppError `params.invalid` for a name of none of `servers`, `method.unknown`
 */
export function route(
  { method, params = {} }: RpcRequest,
  servers: readonly ServerName[],
): { readonly server: ServerName; readonly changes: Fields } {
  const found = (split: Split<string> | undefined, what: unknown): Split<string> => {
    if (split) return split;
    const text = String(JSON.stringify(what)).slice(0, 100);
    throw new AppError('params.invalid', `${text} is of no server that runs here; there are: ${servers.join(', ')}`);
  };
  switch (method) {
    case 'tools/call':
    case 'prompts/get': {
      const { server, own } = found(splitName(servers, params.name), params.name);
      return { server, changes: { name: own } };
    }
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe': {
      const { server, own } = found(splitUri(servers, params.uri), params.uri);
      return { server, changes: { uri: own } };
    }
    case 'completion/complete': {
      const ref = (params.ref ?? {}) as Fields;
      const [field, split] = ref.type === 'ref/prompt' ? (['name', splitName] as const) : (['uri', splitUri] as const);
      const { server, own } = found(split(servers, ref[field]), ref[field]);
      return { server, changes: { ref: { ...ref, [field]: own } } };
    }
    default:
      throw new AppError('method.unknown', `Method not found: ${method.slice(0, 100)}`);
  }
}
