import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that systems give out to whoever asks for any (from 32768 on Linux). */
const [FIRST, COUNT] = [12_000, 20_000];

/** A port of 127.0.0.1 that nobody listens on: only who asks for one here, too, may take it before its user does. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + randomInt(COUNT);
    const server = createServer();
    const listens = once(server, 'listening').catch(() => undefined); // somebody has it
    server.listen(port, '127.0.0.1');
    if (!(await listens)) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
