/**
 * What many sessions cost the store and the controller: memory of Redis; time, and the controller's processor time, to read all of
 * them, which each of its passes begins with; memory of a controller that holds them. Sessions of two servers that run,
 * one connection each; nothing is started.
 *
 *     npm run bench:scale [-- --sessions 1000,10000,100000]     # half a minute; needs redis-server
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import { systemClock } from '../src/core/clock.ts';
import type { ConnectionRecord } from '../src/core/connection.ts';
import { newConnectionId, newNonce, type SessionId, sessionIdOf } from '../src/core/ids.ts';
import type { ServerRecord, SessionRecord } from '../src/core/session.ts';
import { RedisStore } from '../src/store/redis/store.ts';
import { startRedis } from './targets.ts';

/** Writes in flight. */
const AT_ONCE = 200;
const DAY_MS = 24 * 3_600_000;
/** What the secrets of a terminal take when they are sealed: bytes, before base64. */
const SEALED = 450;
const KEY = randomBytes(32);

interface Figures {
  readonly sessions: number;
  readonly redisBytes: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly heapBytes: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const { values } = parseArgs({ options: { sessions: { type: 'string', default: '1000,10000,100000' } } });
const say = (...cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
say('sessions', 'Redis, bytes each', 'reading all, ms', 'own processor time, ms', 'heap, bytes each');
say('---', '---', '---', '---', '---');
for (const count of values.sessions.split(',').map(Number)) {
  const { sessions, redisBytes, wallMs, cpuMs, heapBytes } = await measure(count);
  say(
    sessions,
    Math.round(redisBytes / sessions),
    Math.round(wallMs),
    Math.round(cpuMs),
    Math.round(heapBytes / sessions),
  );
}

async function measure(sessions: number): Promise<Figures> {
  await using held = new AsyncDisposableStack();
  const url = await startRedis(held);
  const store = held.use(new RedisStore({ url, clock: systemClock }));
  const redis = held.adopt(new Redis(url), async (connection) => void (await connection.quit()));
  await store.generation(); // connected
  const empty = await memoryOf(redis);
  for (let made = 0; made < sessions; made += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, sessions - made) }, (_, n) => open(store, made + n)));
  const redisBytes = (await memoryOf(redis)) - empty;
  const heap = heapUsed();
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const records = new Map<SessionId, SessionRecord>();
  for await (const record of store.list()) records.set(record.id, record);
  const wallMs = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  const heapBytes = heapUsed() - heap;
  if (records.size !== sessions) throw new Error(`${records.size} of ${sessions} sessions were read`);
  return { sessions, redisBytes, wallMs, cpuMs: (user + system) / 1000, heapBytes };
}

async function open(store: RedisStore, number: number): Promise<void> {
  const now = Date.now();
  const id = sessionIdOf(KEY, 'somebody@example.org', 'pts_3', String(number));
  const record: SessionRecord = {
    id,
    version: 5,
    nonce: newNonce(),
    epoch: 3,
    owner: 'somebody@example.org',
    terminal: { name: 'pts_3', host: 'build-machine-7', leader: { pid: 1_000 + number, startedAt: `${now}` } },
    workspace: `/home/somebody/projects/number-${number}`,
    keep: false,
    servers: { filesystem: running(id, 'filesystem', now), proxmox: running(id, 'proxmox', now) },
    sealed: randomBytes(SEALED).toString('base64url'),
    createdAt: now,
    idleTtlMs: DAY_MS,
    maxAt: now + DAY_MS,
  };
  await store.create(record);
  await store.add(connection(id, now));
}

function running(session: SessionId, server: string, now: number): ServerRecord {
  const name = `mcp-session-manager-${session}-${server}`;
  const path = `/run/mcp-session-manager/instances/${session}/${server}/host.sock`;
  const instance = { name, endpoint: { kind: 'unix', path }, startedAt: now } as const;
  return { desired: 'running', generation: 0, state: { phase: 'ready', incarnation: 1, since: now, instance } };
}

function connection(session: SessionId, now: number): ConnectionRecord {
  const capabilities = { roots: { listChanged: true }, sampling: {}, elicitation: {} };
  const initialize = {
    protocolVersion: '2025-11-25',
    capabilities,
    clientInfo: { name: 'claude-code', version: '2.1.0' },
  };
  return { id: newConnectionId(), session, protocolVersion: '2025-11-25', initialize, createdAt: now };
}

/** Bytes that Redis has taken for data. */
async function memoryOf(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
