/**
 * The least that a relay in Node can do: read the request, look its session up in Redis (one GETEX for each call), pass the
 * body on with undici, stream the answer back. It knows nothing of MCP. This is the floor for a gateway in TypeScript.
 *
 *     bare-relay.ts UPSTREAM [REDIS]     prints the port that it listens on; without REDIS it looks nothing up
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { Pool } from 'undici';

const TTL_S = 300;
const UP = ['content-type', 'accept', 'mcp-session-id', 'mcp-protocol-version', 'last-event-id', 'authorization'];
const DOWN = ['content-type', 'content-length', 'mcp-session-id', 'cache-control'];

type Headers = Record<string, string | string[]>;

const [upstream = '', store] = process.argv.slice(2);
const pool = new Pool(upstream, { connections: 4096, headersTimeout: 0, bodyTimeout: 0 });
const redis = store === undefined ? undefined : new Redis(store);
const keyOf = (session: string) => `bench:${session}`;

const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const body = chunks.length === 0 ? null : chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    const session = req.headers['mcp-session-id'];
    if (!redis || typeof session !== 'string') {
      relay(req, res, body);
      return;
    }
    redis.getex(keyOf(session), 'EX', TTL_S).then(
      (found) => (found ? relay(req, res, body) : res.writeHead(404).end()),
      () => res.writeHead(503).end(),
    );
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});

/** By the lowest level that undici offers: no promise and no stream object for each answer. */
function relay(req: IncomingMessage, res: ServerResponse, body: Buffer | null): void {
  const headers = only(UP, req.headers);
  pool.dispatch(
    { method: req.method as 'POST', path: req.url ?? '/', headers, body },
    {
      onRequestStart: (controller) => {
        res.on('close', () => {
          if (!res.writableFinished) controller.abort(new Error('the client has gone'));
        });
      },
      onResponseStart: (_controller, status, answered) => {
        if (status < 200) return;
        const session = answered['mcp-session-id'];
        if (redis && typeof session === 'string')
          void redis.set(keyOf(session), '{"endpoint":"up","node":"n1"}', 'EX', TTL_S);
        res.writeHead(status, only(DOWN, answered));
      },
      onResponseData: (_controller, chunk) => void res.write(chunk),
      onResponseEnd: () => void res.end(),
      onResponseError: () => {
        if (res.headersSent) res.destroy();
        else res.writeHead(502).end();
      },
    },
  );
}

function only(names: readonly string[], from: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const kept: Headers = {};
  for (const name of names) {
    const value = from[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
