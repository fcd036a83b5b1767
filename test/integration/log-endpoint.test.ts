import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { answerLog } from '../../src/host/log-endpoint.ts';
import { LogRing } from '../../src/host/log-ring.ts';
import { ServerLog } from '../../src/host/server-log.ts';
import { HttpHostControl } from '../../src/link/http-host-control.ts';
import { KeptLog } from '../support/control-plane.ts';
import { temporaryDirectory } from './filesystem-setup.ts';

it('gives the whole ring, also one of characters that JSON writes at length', async () => {
  const log = new ServerLog(new LogRing(), new KeptLog(), systemClock);
  for (let n = 0; n < 40; n += 1) log.stderr('\u0001'.repeat(8000));
  const server = createServer((req, res) => void answerLog(req, res, log, () => {}));
  const path = join(await temporaryDirectory(), 'host.sock');
  server.listen(path);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const lines: number[] = [];
  const signal = new AbortController().signal;
  for await (const { n } of new HttpHostControl().lines({ kind: 'unix', path }, 's', {}, signal)) lines.push(n);
  expect(lines).toEqual(log.ring.lines({}).map(({ n }) => n));
});
