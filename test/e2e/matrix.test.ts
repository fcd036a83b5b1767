import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { RawMcp, rpc } from '../support/raw-mcp.ts';
import { Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';
import { RoundRobin } from '../support/round-robin.ts';
import { MATRIX_CLIENTS, type MatrixClient, type MatrixClientName } from './matrix-clients.ts';
import { asTable, cellOf, type Fault, OUTCOMES, type Outcome } from './matrix-outcomes.ts';

const CLIENTS = Object.keys(MATRIX_CLIENTS) as MatrixClientName[];

const ENV = { MCP_SESSION_MANAGER_STREAM_RETRY: '200ms' };
/** Longer than it takes to begin a stream (1 s), to kill a replica, and to find another. */
const CALL_S = 5;
const TIMEOUT_MS = 90_000;

/** The text of a call's result, or of the error that the client makes of it. */
const outcomeOf = (call: Promise<string>): Promise<string> =>
  call.catch((error: unknown) => `error: ${error instanceof Error ? error.message : String(error)}`);

function expectOutcome(seen: string, expected: Outcome, answer: string): void {
  const outcome = OUTCOMES[expected];
  if ('error' in outcome) expect(seen).toMatch(outcome.error);
  else expect(seen).toBe(answer);
}

it('docs/clients.md says what the matrix says', () => {
  const text = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8');
  for (const row of asTable(CLIENTS)) expect(text).toContain(row);
});

let replicas: Replicas;
let balancer: RoundRobin;
/** Numbers of the gateways that the balancer knows. */
let behind: readonly number[] = [0];

function onReplicas(env: NodeJS.ProcessEnv): void {
  beforeAll(async () => {
    replicas = await Replicas.start(2, 1, env);
    balancer = await RoundRobin.start(() => behind.map((n) => replicas.gateway(n).url));
  }, 60_000);
  afterAll(async () => {
    await balancer?.[Symbol.asyncDispose]();
    await replicas?.[Symbol.asyncDispose]();
  });
}

/** Has `fault` happen while a call of `client` runs, and its answer has begun, if `isAnswered`. */
async function during(client: MatrixClient, fault: () => Promise<void>, isAnswered: boolean) {
  const before = { sleep: replicas.count('sleep'), answers: balancer.answers };
  const running = outcomeOf(client.call('sleep', { seconds: CALL_S }));
  await eventually('the call runs', async () => replicas.count('sleep') > before.sleep);
  if (isAnswered) await eventually('its answer has begun', async () => balancer.answers > before.answers);
  await fault();
  const seen = { running: await running, next: await outcomeOf(client.call('echo', { text: 'on' })) };
  expect(replicas.count('sleep')).toBe(before.sleep + 1);
  return seen;
}

async function cell(
  name: MatrixClientName,
  fault: Fault,
  happen: (client: MatrixClient) => Promise<void>,
  isAnswered = true,
) {
  const client = await MATRIX_CLIENTS[name](replicas, balancer.url);
  try {
    const seen = await during(client, () => happen(client), isAnswered);
    const { running, next } = cellOf(fault, name);
    if (running) expectOutcome(seen.running, running, `slept ${CALL_S}`);
    expectOutcome(seen.next, next, 'on');
  } finally {
    await client.close();
  }
}

/** The replica that all clients talk to, and another is there. */
async function kill(): Promise<void> {
  behind = [1];
  await replicas.gateway(0).kill();
}

requires('redis')('each client whose answer has not begun', () => {
  onReplicas({ ...ENV, MCP_SESSION_MANAGER_STREAM_AFTER: '60s' });

  describe('[matrix.replica] the replica that it talks to is killed before it has said anything', () => {
    afterEach(() => replicas.gateway(0).start());
    it.each(CLIENTS)('%s', { timeout: TIMEOUT_MS }, async (name) => {
      behind = [0];
      await cell(name, 'replica killed before it said anything', kill, false);
    });
  });
});

requires('redis')('each client under each fault', () => {
  onReplicas(ENV);

  describe('[matrix.replica] the replica that it talks to is killed in the middle of its answer', () => {
    afterEach(() => replicas.gateway(0).start());
    it.each(CLIENTS)('%s', { timeout: TIMEOUT_MS }, async (name) => {
      behind = [0];
      await cell(name, 'replica killed in the middle of a stream', kill);
    });
  });

  describe('[matrix.gateway] the only gateway is asked to end, and started again', () => {
    it.each(CLIENTS)('%s', { timeout: TIMEOUT_MS }, async (name) => {
      behind = [0];
      await cell(name, 'gateway restarted', async () => {
        replicas.gateway(0).signal('SIGTERM');
        await replicas.gateway(0).gone();
        await replicas.gateway(0).start();
      });
    });
  });

  describe('[matrix.instance] the instance that runs the call is killed', () => {
    it.each(CLIENTS)('%s', { timeout: TIMEOUT_MS }, async (name) => {
      behind = [0, 1];
      await cell(name, 'instance killed', async ({ session }) => {
        process.kill(Number((await replicas.view(0, session)).servers[0]?.instance), 'SIGKILL');
      });
    });
  });

  describe('[matrix.session] the session is ended', () => {
    it.each(CLIENTS)('%s', { timeout: TIMEOUT_MS }, async (name) => {
      behind = [0, 1];
      await cell(name, 'session ended', ({ session }) => replicas.api(0, 'DELETE', `/api/sessions/${session}`));
    });
  });
});

requires('redis')('each client whose session reaches its age', () => {
  const clients = new Map<MatrixClientName, MatrixClient>();
  const seen = new Map<MatrixClientName, string>();
  beforeAll(async () => {
    replicas = await Replicas.start(1, 1, {
      ...ENV,
      MCP_SESSION_MANAGER_MAX_AGE: '12s',
      MCP_SESSION_MANAGER_IDLE_TTL: '12s',
    });
    const { url } = replicas.gateway(0);
    for (const name of CLIENTS) {
      const client = await MATRIX_CLIENTS[name](replicas, url);
      expect(await client.call('echo', { text: 'before' })).toBe('before');
      clients.set(name, client);
    }
    const { token } = await replicas.open(); // younger than theirs
    const probe = new RawMcp(`${url}/mcp/counting`, token);
    await eventually('it has expired', async () => (await probe.post(rpc(1, 'ping'))).status === 401, 30_000);
    for (const [name, client] of clients) seen.set(name, await outcomeOf(client.call('echo', { text: 'on' })));
  }, TIMEOUT_MS);
  afterAll(async () => {
    for (const client of clients.values()) await client.close();
    await replicas?.[Symbol.asyncDispose]();
  });

  describe('[matrix.token] its token has expired', () => {
    it.each(CLIENTS)('%s', (name) => {
      expectOutcome(seen.get(name) ?? '', cellOf('token expired', name).next, 'on');
    });
  });
});
