import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestManager } from '../support/manager.ts';
import { connect } from '../support/mcp-clients.ts';

let manager: TestManager;
beforeAll(async () => {
  manager = await TestManager.start();
});
afterAll(() => manager[Symbol.asyncDispose]());

/** Asks a host on its own socket. */
function ask(session: string, path: string): Promise<{ status: number | undefined; body: string }> {
  const socketPath = join(manager.runtimeRoot, 'sockets', session, 'counting.sock');
  return new Promise((resolve, reject) => {
    const req = request({ socketPath, path }, async (answer) =>
      resolve({ status: answer.statusCode, body: await text(answer) }),
    );
    req.on('error', reject).end();
  });
}

it('a host shows its health and its metrics, and nothing else without its secret', async () => {
  const { session, token } = await manager.open();
  const client = await connect(`${manager.url}/mcp/counting`, token);
  expect(await ask(session.id, '/healthz')).toEqual({ status: 200, body: 'ok\n' });
  const { status, body } = await ask(session.id, '/metrics');
  expect(status).toBe(200);
  expect(body).toMatch(/^mcp_host_channels 1$/m);
  expect(body).toMatch(/^mcp_host_servers 1$/m);
  expect(body).not.toContain(session.id);
  for (const path of ['/status', '/record', '/link']) expect((await ask(session.id, path)).status, path).not.toBe(200);
  await client.close();
});
