import { isServerName, type ServerName } from '../../core/ids.ts';
import type { RequestId } from '../../core/json-rpc.ts';

/** Where a client is in the stream of one request. */
export interface RequestCursor {
  readonly kind: 'request';
  readonly server: ServerName;
  readonly stream: string;
  readonly offset: number;
  /** The request's id: with it even a stream that is lost can be answered. */
  readonly request: RequestId;
}
/** Where a client is in the standalone streams: an offset for each server that has said something. */
export interface StandaloneCursor {
  readonly kind: 'standalone';
  readonly offsets: ReadonlyMap<ServerName, number>;
}
export type Cursor = RequestCursor | StandaloneCursor;

const STREAM = /^[A-Za-z0-9_-]{1,64}$/;
const OFFSET = /^(?:0|[1-9][0-9]{0,15})$/;

/**
 * SSE event ids (2025-11-25, basic/transports, "Resumability and Redelivery": they name the stream and the place in it):
 * `{server}.{stream}.{offset}.{request id, JSON in base64url}`, or `*{server}:{offset},...` for the standalone streams.
 */
export function requestEventId({ server, stream, offset, request }: Omit<RequestCursor, 'kind'>): string {
  return `${server}.${stream}.${offset}.${Buffer.from(JSON.stringify(request)).toString('base64url')}`;
}

export function standaloneEventId(offsets: ReadonlyMap<ServerName, number>): string {
  return `*${[...offsets].map(([server, offset]) => `${server}:${offset}`).join(',')}`;
}

/** What a `Last-Event-ID` says; undefined if it is none of ours. */
export function parseEventId(text: string): Cursor | undefined {
  return text.startsWith('*') ? parseStandalone(text.slice(1)) : parseRequest(text);
}

function parseStandalone(text: string): StandaloneCursor | undefined {
  const offsets = new Map<ServerName, number>();
  for (const part of text === '' ? [] : text.split(',')) {
    const [server = '', offset = '', ...more] = part.split(':');
    if (more.length > 0 || !isServerName(server) || !OFFSET.test(offset)) return undefined;
    offsets.set(server, Number(offset));
  }
  return { kind: 'standalone', offsets };
}

function parseRequest(text: string): RequestCursor | undefined {
  const [server = '', stream = '', offset = '', encoded = '', ...more] = text.split('.');
  if (more.length > 0 || !isServerName(server) || !STREAM.test(stream) || !OFFSET.test(offset)) return undefined;
  try {
    const request: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString());
    if (typeof request !== 'string' && typeof request !== 'number') return undefined;
    return { kind: 'request', server, stream, offset: Number(offset), request };
  } catch {
    return undefined;
  }
}
