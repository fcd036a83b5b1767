import type { ServerName } from '../../../core/ids.ts';
import { isRequest, isResponse, type RequestId, type RpcMessage } from '../../../core/json-rpc.ts';
import { asFields, encoded, type Fields } from '../fields.ts';
import { rewritten } from '../raw-json.ts';
import type { Translate } from '../request-stream.ts';
import { publicId, publicUri } from './names.ts';

/** What one server's messages become at `/mcp`: its ids, its progress tokens and its resources get its name. */
export function translator(server: ServerName): Translate {
  return (payload) => {
    const text = payload.toString();
    const message = JSON.parse(text) as RpcMessage;
    if (isResponse(message)) {
      if (!('result' in message) || !payload.includes('"uri"')) return payload;
      const { result } = message;
      return encoded(() => rewritten(text, ['result'], publicContent(server, result)));
    }
    if (isRequest(message)) {
      const params = message.params && publicToken(server, message.params);
      return encoded(() =>
        JSON.stringify({ ...message, id: publicId(server, message.id), ...(params ? { params } : {}) }),
      );
    }
    const params = message.params && publicNotice(server, message.method, message.params);
    return params ? encoded(() => JSON.stringify({ ...message, params })) : payload;
  };
}

/** The token that the server wants progress reported under. */
function publicToken(server: ServerName, params: Fields): Fields {
  const meta = asFields(params._meta);
  const token = meta?.progressToken;
  if (typeof token !== 'string' && typeof token !== 'number') return params;
  return { ...params, _meta: { ...meta, progressToken: publicId(server, token) } };
}

/** Undefined: it stays as it is. */
function publicNotice(server: ServerName, method: string, params: Fields): Fields | undefined {
  if (method === 'notifications/resources/updated' && typeof params.uri === 'string') {
    return { ...params, uri: publicUri(server, params.uri) };
  }
  if (method === 'notifications/cancelled' && params.requestId !== undefined) {
    return { ...params, requestId: publicId(server, params.requestId as RequestId) };
  }
  if (method === 'notifications/message') {
    return { ...params, logger: typeof params.logger === 'string' ? `${server}/${params.logger}` : server };
  }
  return undefined;
}

/** Resources in the results of tools/call, prompts/get and resources/read (2025-11-25, schema `ContentBlock`, `ResourceContents`). */
function publicContent(server: ServerName, result: Fields): Fields {
  const changed: Fields = {};
  if (Array.isArray(result.content)) changed.content = result.content.map((block) => publicBlock(server, block));
  if (Array.isArray(result.contents)) changed.contents = result.contents.map((contents) => withUri(server, contents));
  if (Array.isArray(result.messages)) {
    changed.messages = result.messages.map((message) => {
      const fields = asFields(message);
      return fields ? { ...fields, content: publicBlock(server, fields.content) } : message;
    });
  }
  return changed;
}

function publicBlock(server: ServerName, block: unknown): unknown {
  const fields = asFields(block);
  if (fields?.type === 'resource_link') return withUri(server, fields);
  if (fields?.type === 'resource') return { ...fields, resource: withUri(server, fields.resource) };
  return block;
}

function withUri(server: ServerName, value: unknown): unknown {
  const fields = asFields(value);
  return typeof fields?.uri === 'string' ? { ...fields, uri: publicUri(server, fields.uri) } : value;
}
