import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { systemClock } from '../../src/core/clock.ts';

const CHECK_MS = 50;
/** Half a minute: longer than any replica takes to start. */
const ATTEMPTS = 600;

/**
 * The least that a balancer does: each request goes to the next replica that says it is ready, with an idempotency key of its
 * own; one that ends before the answer begins is sent to another replica, as it was. A stream that breaks is the client's.
 */
export class RoundRobin implements AsyncDisposable {
  readonly #urls: () => readonly string[];
  readonly #server: Server;
  readonly #stop = new AbortController();
  readonly #checking: Promise<void>;
  #ready: string[] = [];
  #next = 0;
  url = '';
  /** How many answers to POSTs have begun. */
  answers = 0;

  private constructor(urls: () => readonly string[]) {
    this.#urls = urls;
    this.#server = createServer((req, res) => void this.#pass(req, res));
    this.#checking = this.#check();
  }

  /** @param urls base URLs of the replicas, asked for again and again */
  static async start(urls: () => readonly string[]): Promise<RoundRobin> {
    const proxy = new RoundRobin(urls);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.url = `http://127.0.0.1:${(proxy.#server.address() as AddressInfo).port}`;
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#checking;
  }

  async #check(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const ready: string[] = [];
      for (const url of this.#urls()) {
        const answer = await fetch(`${url}/readyz`).catch(() => undefined);
        await answer?.arrayBuffer();
        if (answer?.ok) ready.push(url);
      }
      this.#ready = ready;
      await systemClock.sleep(CHECK_MS, this.#stop.signal).catch(() => {});
    }
  }

  async #pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await buffer(req).catch(() => undefined);
    if (!body) return; // its client has gone
    const headers = { ...req.headers };
    if (req.method === 'POST') headers['idempotency-key'] ??= randomUUID();
    for (let attempt = 0; attempt < ATTEMPTS && !res.destroyed; attempt++) {
      const url = this.#ready[this.#next++ % Math.max(1, this.#ready.length)];
      if (url && (await this.#try(url, { req, headers, body }, res))) return;
      await systemClock.sleep(CHECK_MS);
    }
    res.writeHead(502).end();
  }

  /** False: no answer has begun. */
  #try(
    url: string,
    { req, headers, body }: { req: IncomingMessage; headers: IncomingMessage['headers']; body: Buffer },
    res: ServerResponse,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      const forward = request(`${url}${req.url}`, { method: req.method, headers }, (answer) => {
        resolve(true);
        const { connection: _hop, 'keep-alive': _too, ...passed } = answer.headers;
        res.writeHead(answer.statusCode ?? 502, passed);
        res.flushHeaders();
        if (req.method === 'POST') this.answers += 1;
        answer.pipe(res);
        answer.once('close', () => {
          if (!answer.complete) res.destroy();
        });
      });
      forward.once('error', () => resolve(false));
      res.once('close', () => forward.destroy());
      forward.end(body);
    });
  }
}
