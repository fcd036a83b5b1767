import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Heart } from '../../src/gateway/mcp/heart.ts';
import { HttpReply } from '../../src/gateway/mcp/reply.ts';
import { eventually } from '../support/eventually.ts';

const STREAMS = { retryMs: 1000, streamAfterMs: 60_000 };

describe('an HTTP reply', () => {
  let server: ReturnType<typeof createServer>;
  let heart: Heart;
  beforeEach(() => {
    server = createServer();
    heart = new Heart(5);
  });
  afterEach(() => {
    heart[Symbol.dispose]();
    server.closeAllConnections();
    server.close();
  });

  /** A request of a client that has read nothing yet. */
  async function asked() {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address() as { port: number };
    const client = connect(address.port, '127.0.0.1').pause();
    client.on('error', () => {});
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const [, res] = (await once(server, 'request')) as [unknown, ServerResponse];
    return { client, res, reply: new HttpReply(res, STREAMS, heart) };
  }

  it('that has ended is left alone by the heart, however slowly the client reads', async () => {
    const { client, res, reply } = await asked();
    const errors: unknown[] = [];
    res.on('error', (error) => errors.push(error));
    reply.stream();
    reply.send(Buffer.alloc(64 << 20, 'x'), undefined, false); // more than the sockets hold
    reply.end();
    const { write } = res;
    let beats = 0;
    res.write = ((...args: Parameters<typeof write>) => {
      beats += 1;
      return write.apply(res, args);
    }) as typeof write;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect({ beats, errors }).toEqual({ beats: 0, errors: [] });
    client.destroy();
  });

  it('calls back whoever asks after the client has gone', async () => {
    const { client, res, reply } = await asked();
    client.destroy();
    await eventually('it has gone', async () => res.closed);
    expect(reply.closed).toBe(true);
    let called = 0;
    reply.onClose(() => called++);
    expect(called).toBe(1);
  });

  it('calls back all who asked, once', async () => {
    const { client, res, reply } = await asked();
    const before = res.listenerCount('close');
    const called: number[] = [];
    for (let n = 0; n < 20; n++) reply.onClose(() => called.push(n));
    expect(res.listenerCount('close')).toBe(before);
    client.destroy();
    await eventually('it has gone', async () => res.closed);
    expect(called).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });
});
