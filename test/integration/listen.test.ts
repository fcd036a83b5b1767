import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { drain, listen } from '../../src/roles/listen.ts';

let server: ReturnType<typeof createServer>;
beforeEach(() => {
  server = createServer();
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

describe('listen', () => {
  it.each([
    ['127.0.0.1', /^http:\/\/127\.0\.0\.1:\d+$/],
    ['0.0.0.0', /^http:\/\/127\.0\.0\.1:\d+$/],
  ])('on %s gives the URL by which this machine reaches it', async (host, expected) => {
    expect(await listen(server, host, 0)).toMatch(expected);
  });

  it('says who has the port, and how to choose another', async () => {
    await listen(server, '127.0.0.1', 0);
    const { port } = server.address() as AddressInfo;
    const second = listen(createServer(), '127.0.0.1', port);
    const who = process.platform === 'linux' ? `process ${process.pid} \\(.+\\)` : 'another program';
    await expect(second).rejects.toThrow(new RegExp(`Port ${port} of 127.0.0.1 is taken by ${who}: stop it, or`));
    await expect(second).rejects.toThrow(`MCP_SESSION_MANAGER_PORT=${port + 1} npm start`);
  });

  it('names the variables of another port', async () => {
    await listen(server, '127.0.0.1', 0);
    const { port } = server.address() as AddressInfo;
    const second = listen(createServer(), '127.0.0.1', port, 'METRICS_');
    await expect(second).rejects.toThrow(`MCP_SESSION_MANAGER_METRICS_PORT=${port + 1} npm start`);
    await expect(listen(createServer(), '192.0.2.1', 0, 'METRICS_')).rejects.toThrow(
      'MCP_SESSION_MANAGER_METRICS_HOST',
    );
  });

  it('says that an address is not of this machine', async () => {
    await expect(listen(server, '192.0.2.1', 0)).rejects.toThrow('192.0.2.1 is no address of this machine');
  });
});

describe('drain', () => {
  /** Asks and resolves with what became of the answer. */
  const ask = (url: string) =>
    new Promise<string>((resolve) => {
      get(url, (response) => response.resume().once('close', () => resolve(response.complete ? 'whole' : 'cut')));
    });

  it('lets an answer that is being written end', async () => {
    const begun = Promise.withResolvers<() => void>();
    server.on('request', (_request, response) => {
      response.write('a');
      begun.resolve(() => void response.end('b'));
    });
    const answer = ask(await listen(server, '127.0.0.1', 0));
    const finish = await begun.promise;
    const drained = drain(server, 60_000, systemClock);
    finish();
    await drained;
    expect(await answer).toBe('whole');
    expect(server.listening).toBe(false);
  });

  it('does not wait for one that does not end', async () => {
    const begun = Promise.withResolvers<void>();
    server.on('request', (_request, response) => {
      response.write('a');
      begun.resolve();
    });
    const answer = ask(await listen(server, '127.0.0.1', 0));
    await begun.promise;
    await drain(server, 1, systemClock);
    expect(await answer).toBe('cut');
  });

  it('has nothing to do where nothing listens', async () => {
    await expect(drain(server, 60_000, systemClock)).resolves.toBeUndefined();
  });
});
