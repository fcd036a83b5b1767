/**
 * Measures how long a session with containers takes to begin: from `POST /api/sessions` to the first answer to `tools/list`,
 * against a bare container of the same image with a trivial HTTP server in it, from its creation to its first answer. Both
 * in turn, on one engine. To reach: at most 1.6 times (docs/performance.md). Needs Docker and the image `mcp-session-manager`.
 *
 *     npm run bench:containers [-- --runs N]
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Docker from 'dockerode';
import { HttpClient } from './http-client.ts';
import { Manager } from './manager.ts';
import { median } from './measure.ts';

const IMAGE = 'mcp-session-manager';
const BAR = 1.6;
const TRIVIAL = "require('node:http').createServer((q, s) => s.end('ok')).listen(7001, '0.0.0.0')";
const DEPLOYMENT = `bench-${process.pid}`;
/** A container that does not answer by then is broken, milliseconds. */
const ANSWER_MS = 20_000;

const { values } = parseArgs({ options: { runs: { type: 'string', default: '15' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a number from 1');
const engine = new Docker();

/** The limits that an instance has. */
async function bare(): Promise<number> {
  const began = performance.now();
  const container = await engine.createContainer({
    Image: IMAGE,
    Entrypoint: ['node'],
    Cmd: ['-e', TRIVIAL],
    HostConfig: {
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Memory: 512 << 20,
      MemorySwap: 512 << 20,
      PidsLimit: 128,
      NanoCpus: 1e9,
      Init: true,
    },
  });
  try {
    await container.start();
    const { NetworkSettings } = await container.inspect();
    await answered(Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? '');
    return performance.now() - began;
  } finally {
    await container.remove({ force: true });
  }
}

/** Asks a container on this machine's bridge until it answers. */
async function answered(host: string): Promise<void> {
  for (const late = performance.now() + ANSWER_MS; performance.now() < late; await sleep(1)) {
    const ok = await new Promise<boolean>((resolve) => {
      const ask = request({ host, port: 7001, agent: false }, (answer) => resolve(answer.resume().statusCode === 200));
      ask.on('error', () => resolve(false)).end();
    });
    if (ok) return;
  }
  throw new Error(`the container at ${host} does not answer`);
}

async function session(manager: Manager): Promise<number> {
  const began = performance.now();
  const { session: opened, token } = await manager.open(['filesystem']);
  await using client = new HttpClient(manager.endpoint('filesystem'), token);
  const conversation = await client.open();
  const answer = await conversation.request('tools/list');
  const ms = performance.now() - began;
  if (!answer.includes('"read_text_file"')) throw new Error(`tools/list: ${answer}`);
  await manager.close(opened.id);
  const filters = { label: [`io.github.mcp-session-manager.deployment=${DEPLOYMENT}`] };
  for (
    const late = Date.now() + ANSWER_MS;
    (await engine.listContainers({ all: true, filters })).length > 0;
    await sleep(20)
  )
    if (Date.now() > late) throw new Error('the container of a session that has ended is still there');
  return ms;
}

const sockets = mkdtempSync('/tmp/s-');
await using manager = await Manager.start([], {
  MCP_SESSION_MANAGER_RUNTIME: 'docker',
  MCP_SESSION_MANAGER_IMAGE: IMAGE,
  MCP_SESSION_MANAGER_DEPLOYMENT: DEPLOYMENT,
  MCP_SESSION_MANAGER_SOCKET_ROOT: join(sockets, 's'),
});
try {
  await bare();
  await session(manager);
  const bares: number[] = [];
  const sessions: number[] = [];
  for (let run = 0; run < runs; run++) {
    bares.push(await bare());
    sessions.push(await session(manager));
  }
  const ratio = median(sessions) / median(bares);
  const line = (what: string, all: number[]) =>
    `${what}: median ${median(all).toFixed(0)} ms (${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)})`;
  process.stdout.write(`${line('bare container, first answer', bares)}\n${line('session, tools/list', sessions)}\n`);
  process.stdout.write(`ratio ${ratio.toFixed(2)}, to reach: ${BAR} or less\n`);
  process.exitCode = ratio <= BAR ? 0 : 1;
} finally {
  rmSync(sockets, { recursive: true, force: true });
}
