/** The echo server on Streamable HTTP, on `node:http` alone. Prints the port that it listens on. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answer, type EchoRequest } from './echo.ts';

const sessions = new Set<string>();
const server = createServer((req, res) => {
  const known = String(req.headers['mcp-session-id']);
  if (req.method !== 'POST') {
    res.writeHead(req.method === 'DELETE' && sessions.delete(known) ? 200 : 405).end();
    return;
  }
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const message = JSON.parse(Buffer.concat(chunks).toString()) as EchoRequest;
    const headers: Record<string, string | number> = { 'content-type': 'application/json' };
    if (message.method === 'initialize') {
      const id = randomUUID();
      sessions.add(id);
      headers['mcp-session-id'] = id;
    } else if (!sessions.has(known)) {
      res.writeHead(404).end();
      return;
    }
    const reply = answer(message);
    if (!reply) {
      res.writeHead(202).end();
      return;
    }
    const body = JSON.stringify(reply);
    headers['content-length'] = Buffer.byteLength(body);
    res.writeHead(200, headers).end(body);
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
