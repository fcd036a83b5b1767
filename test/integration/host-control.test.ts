import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Endpoint } from '../../src/core/session.ts';
import { HttpHostControl } from '../../src/link/http-host-control.ts';
import { temporaryDirectory } from './filesystem-setup.ts';

const control = new HttpHostControl();
const { signal } = new AbortController();

async function hostThat(answers: RequestListener): Promise<Endpoint> {
  const path = join(await temporaryDirectory(), 'host.sock');
  const server = createServer(answers).listen(path);
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return { kind: 'unix', path };
}

const FAILED = { code: 'server.failed' };

describe('a host in the hands of its server', () => {
  /** Bytes that it got rid of until it was cut off. */
  const endless = async (ask: (host: Endpoint) => Promise<unknown>, line = 'x') => {
    const cutOff = Promise.withResolvers<number>();
    const host = await hostThat((_, response) => {
      const piece = line.repeat((64 << 10) / line.length);
      let sent = 0;
      const more = () => {
        do sent += piece.length;
        while (response.write(piece) && sent < 1 << 30);
      };
      response.on('drain', more).on('close', () => cutOff.resolve(sent));
      more();
    });
    await expect(ask(host)).rejects.toMatchObject(FAILED);
    return await cutOff.promise;
  };
  const firstLine = async (host: Endpoint) => {
    for await (const line of control.lines(host, 's', {}, signal)) return line;
    return undefined;
  };
  const allLines = async (host: Endpoint) => {
    for await (const _ of control.lines(host, 's', {}, signal));
  };

  it('cannot fill the memory of who asks it how it is', async () => {
    expect(await endless((host) => control.status(host, 's', signal))).toBeLessThan(16 << 20);
  });

  it('nor of who reads its log', async () => {
    expect(await endless(firstLine)).toBeLessThan(16 << 20);
    expect(await endless(allLines, '{"n":1}\n')).toBeLessThan(16 << 20);
  });

  it('is not believed when it says what is no JSON', async () => {
    const host = await hostThat((_, response) => response.end('no JSON\n'));
    await expect(control.status(host, 's', signal)).rejects.toMatchObject(FAILED);
    await expect(firstLine(host)).rejects.toMatchObject(FAILED);
  });
});
