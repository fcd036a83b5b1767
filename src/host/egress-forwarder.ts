import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { authorityOf } from '../core/egress.ts';
import { joinStreams } from '../core/join-streams.ts';
import { type Egress, EgressFailed } from './egress.ts';

/** How long a request's head may take to come, milliseconds. */
const HEAD_MS = 10_000;

/**
 * For servers that know nothing of Unix sockets: a CONNECT proxy on the instance's own loopback interface, which passes on
 * to the egress proxy. What connects here needs no proof; nobody but the instance's own processes can.
 */
export class EgressForwarder implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  private constructor(egress: Egress) {
    this.#server = createServer({ headersTimeout: HEAD_MS, requestTimeout: HEAD_MS });
    this.#server
      .on('connection', (socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      })
      .on('connect', (request, socket, head) => void forward(egress, request, socket, head))
      .on('request', (_, response) => {
        response
          .writeHead(405, { allow: 'CONNECT', connection: 'close' })
          .end('Only CONNECT is served here: use https\n');
      });
    this.#server.unref();
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start(egress: Egress): Promise<EgressForwarder> {
    const forwarder = new EgressForwarder(egress);
    forwarder.#server.listen(0, '127.0.0.1');
    await once(forwarder.#server, 'listening');
    return forwarder;
  }

  /** What tells a program to go through here: curl, Go, Python and, since it is asked to, Node. */
  get environment(): Readonly<Record<string, string>> {
    const proxy = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const not = 'localhost,127.0.0.1,::1';
    return { HTTPS_PROXY: proxy, https_proxy: proxy, NO_PROXY: not, no_proxy: not, NODE_USE_ENV_PROXY: '1' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

async function forward(egress: Egress, { url = '' }: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
  client.on('error', () => {}); // 'close' follows
  const gone = new AbortController();
  client.once('close', () => gone.abort(new Error('the program is gone')));
  try {
    const target = authorityOf(url);
    if (!target) throw new EgressFailed('EGRESS_PROTOCOL', 400, 'CONNECT needs a host and a port');
    const server = await egress.connect(target.host, target.port, gone.signal, true);
    if (gone.signal.aborted) return void server.destroy();
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    server.write(head);
    joinStreams(client, server);
  } catch (error) {
    if (gone.signal.aborted) return;
    const { status, message } = error instanceof EgressFailed ? error : { status: 502, message: 'The host failed' };
    // A program that is asked for credentials would look for some.
    const shown = status === 407 ? 403 : status;
    const body = `${message}\n`;
    const headers = `Content-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close`;
    client.end(`HTTP/1.1 ${shown} Refused\r\n${headers}\r\n\r\n${body}`, () => client.destroy());
  }
}
