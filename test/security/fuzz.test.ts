import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isId } from '../../src/core/json-rpc.ts';
import { RawSse } from '../e2e/http-sse-client.ts';
import { TestManager } from '../support/manager.ts';
import { connect, textOf } from '../support/mcp-clients.ts';
import { callTool, messagesOf, RawMcp, rpc } from '../support/raw-mcp.ts';
import { RawModern } from '../support/raw-modern.ts';
import { Inspected } from './fuzz-heap.ts';
import { anyGreeting, anyInput, anyMessage, anyModern, anyResumption, type Input } from './fuzz-inputs.ts';
import type { Known } from './fuzz-messages.ts';
import { exchange, type Leaving, type WireAnswer } from './fuzz-wire.ts';

/** A server that runs in its host. */
const QUIET = fileURLToPath(new URL('../fakes/servers/echo-module.ts', import.meta.url));
/** The same inputs in each run; others with `FUZZ_SEED`. `FUZZ_RUNS` is how many inputs of each kind there are. */
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const RUNS = Number(process.env.FUZZ_RUNS ?? 300);
/** What the heap may grow by, with all caches warm, bytes: an input that leaves something behind does so hundreds of times. */
const GROWTH = 16 * 2 ** 20;
/** What is refused without a look at the body. */
const BEFORE_THE_BODY: ReadonlySet<number> = new Set([401, 403, 405, 406, 413, 415]);
/** The manager's, bytes. */
const BODY_LIMIT = 64 * 1024;
const TIMEOUT_MS = 300_000;

let manager: TestManager;
let known: Known;
let sse: RawSse | undefined;
beforeAll(async () => {
  process.stdout.write(`FUZZ_SEED=${SEED} FUZZ_RUNS=${RUNS}\n`);
  manager = await TestManager.start({
    servers: { quiet: { module: QUIET } },
    env: {
      NODE_OPTIONS: '--inspect=127.0.0.1:0',
      MCP_SESSION_MANAGER_BODY_LIMIT: '64KiB',
      MCP_SESSION_MANAGER_STREAM_AFTER: '50ms',
      MCP_SESSION_MANAGER_TOKEN_IN_PATH: 'true',
      MCP_SESSION_MANAGER_CHILDREN: '200',
    },
  });
  const { token } = await manager.open({ servers: ['counting', 'quiet'] });
  known = await learn(token);
});
afterAll(async () => {
  sse?.[Symbol.dispose]();
  await manager?.[Symbol.asyncDispose]();
});

async function learn(token: string): Promise<Known> {
  const [single, all] = ['/mcp/counting', '/mcp'].map((path) => new RawMcp(manager.url + path, token)) as [
    RawMcp,
    RawMcp,
  ];
  await single.initialize();
  await all.initialize();
  const { events } = await single.post(
    rpc(1, 'tools/call', { name: 'notify', arguments: { n: 3 }, _meta: { progressToken: 1 } }),
  );
  sse = await RawSse.open(`${manager.url}/sse/counting`, token);
  await sse.initialize();
  const modern = new RawModern(single.url, token);
  modern.capabilities = { elicitation: {} };
  const asked = await modern.post(modern.call(1, 'ask'));
  const { result } = (messagesOf(asked.events).at(-1) ?? asked.json) as { result: { requestState: string } };
  return {
    token,
    connections: { '/mcp/counting': single.id as string, '/mcp': all.id as string },
    events: [...events.flatMap(({ id }) => id ?? []), '*counting:0'],
    sseSession: new URL(sse.endpoint ?? '', manager.url).searchParams.get('session_id') ?? '',
    requestState: result.requestState,
  };
}

/** The bytes of a request. */
function written({ method, path, headers, body }: Input, framing: string): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join('')}${framing}connection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

const whole = (input: Input) => written(input, `content-length: ${input.body.length}\r\n`);

/** What holds for every answer, whatever was asked. */
function check(answer: WireAnswer | undefined, input: Input): void {
  if (answer === undefined) return;
  expect(answer.status, answer.body).toBeGreaterThanOrEqual(200);
  expect(answer.status, answer.body).toBeLessThan(500);
  if (answer.type !== 'application/json' || answer.body === '') return;
  const { jsonrpc, id, error } = JSON.parse(answer.body) as { jsonrpc?: string; id?: unknown; error?: object };
  if (jsonrpc === undefined || error === undefined) return;
  if (input.method !== 'POST' || BEFORE_THE_BODY.has(answer.status)) return;
  // Whoever asked can tell by the id which of its requests this is about.
  expect(id ?? null, answer.body).toEqual(idIn(input.body));
}

/** The id that an error about this body has to have. */
function idIn(body: Buffer): unknown {
  try {
    const { id } = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)) as {
      id?: unknown;
    };
    return isId(id) ? id : null;
  } catch {
    return null;
  }
}

async function run<T>(inputs: fc.Arbitrary<T>, trial: (input: T) => Promise<void>): Promise<void> {
  await fc.assert(fc.asyncProperty(inputs, trial), { seed: SEED, numRuns: RUNS, endOnFailure: true });
}

async function sent(input: Input): Promise<void> {
  const answer = await exchange(manager.url, [whole(input)], 'waits');
  // Who is told that the body is too large while it sends it may lose the answer.
  if (input.body.length <= BODY_LIMIT) expect(answer).toBeDefined();
  check(answer, input);
}

describe('whatever is sent', () => {
  it(
    '[fuzz.requests] any path, header and message gets an answer, and no internal error',
    { timeout: TIMEOUT_MS },
    () => run(anyInput(known), sent),
  );

  it('[fuzz.requests] any message of a client that is connected does', { timeout: TIMEOUT_MS }, () =>
    run(anyMessage(known), sent),
  );

  it('[fuzz.requests] any "initialize" does', { timeout: TIMEOUT_MS }, () => run(anyGreeting(known), sent));

  it('[fuzz.requests] any request of a modern client does', { timeout: TIMEOUT_MS }, () => run(anyModern(known), sent));

  it('[fuzz.requests] any Last-Event-ID does', { timeout: TIMEOUT_MS }, () => run(anyResumption(known), sent));

  it('[fuzz.bodies] bodies that come slowly, in parts, or not to their end hold nothing up', {
    timeout: TIMEOUT_MS,
  }, () => {
    const leaving = fc.constantFrom<Leaving>('waits', 'half-closes', 'breaks off');
    const trial = fc.record({
      input: anyInput(known),
      cuts: fc.array(fc.nat(), { maxLength: 4 }),
      missing: fc.nat(50),
      leaving,
    });
    return run(trial, async ({ input, cuts, missing, leaving }) => {
      const bytes = whole(input);
      const places = [0, ...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b);
      const parts = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      if (leaving === 'waits' || missing === 0) return check(await exchange(manager.url, parts, leaving), input);
      // The end of the body never comes: the client must be gone, or say so, for there to be an end.
      parts.push((parts.pop() as Buffer).subarray(0, -missing));
      await exchange(manager.url, parts, leaving);
    });
  });

  it('[fuzz.bodies] any length, also above the limit, chunked or not, is refused or answered', {
    timeout: TIMEOUT_MS,
  }, () => {
    const post = (token: string, size: number): Input => ({
      method: 'POST',
      path: '/mcp/counting',
      headers: {
        host: 'localhost',
        authorization: `Bearer ${token}`,
        accept: '*/*',
        'content-type': 'application/json',
        'mcp-session-id': known.connections['/mcp/counting'] as string,
      },
      body: Buffer.from(JSON.stringify(callTool(1, 'echo', { text: 'x'.repeat(size) }))),
    });
    const size = fc.oneof(fc.nat(2 * BODY_LIMIT), fc.integer({ min: BODY_LIMIT - 200, max: BODY_LIMIT }));
    const framing = fc.constantFrom('length', 'chunks', 'both', 'bad chunk', 'bad length', 'encoded');
    return run(fc.record({ size, framing, admitted: fc.boolean() }), async ({ size, framing, admitted }) => {
      const input = post(admitted ? known.token : 'nobody', size);
      const { body } = input;
      const chunked = { ...input, body: Buffer.from(`${body.length.toString(16)}\r\n${body.toString()}\r\n0\r\n\r\n`) };
      const length = `content-length: ${body.length}\r\n`;
      const bytes = {
        length: () => written(input, length),
        chunks: () => written(chunked, 'transfer-encoding: chunked\r\n'),
        both: () => written(chunked, `${length}transfer-encoding: chunked\r\n`),
        'bad chunk': () => written({ ...input, body: Buffer.from('zz\r\n') }, 'transfer-encoding: chunked\r\n'),
        'bad length': () => written(input, 'content-length: 0x10\r\n'),
        encoded: () => written(input, `${length}content-encoding: gzip\r\n`),
      }[framing]();
      const answer = await exchange(manager.url, [bytes], 'waits');
      check(answer, input);
      if (framing === 'length' && answer) {
        expect(answer.status).toBe(admitted ? (body.length > BODY_LIMIT ? 413 : 200) : 401);
      }
    });
  });

  it('[fuzz.bodies] bytes that are no HTTP at all are refused', { timeout: TIMEOUT_MS }, () =>
    run(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
      const answer = await exchange(manager.url, [Buffer.from(bytes), Buffer.from('\r\n\r\n')], 'half-closes');
      if (answer) expect(answer.status).toBe(400);
    }),
  );

  it('[fuzz.memory] is forgotten again', { timeout: TIMEOUT_MS }, async () => {
    await using inspected = await Inspected.of(manager.log);
    const before = await inspected.heapUsed();
    const inputs = fc.oneof(anyInput(known), anyMessage(known), anyModern(known), anyResumption(known));
    await fc.assert(fc.asyncProperty(inputs, sent), { seed: SEED + 1, numRuns: 2 * RUNS, endOnFailure: true });
    expect((await inspected.heapUsed()) - before).toBeLessThan(GROWTH);
  });

  it('[fuzz.requests] leaves a manager that serves whoever does it right, and has logged no failure of its own', async () => {
    const { token } = await manager.open();
    for (const one of [token, known.token]) {
      const client = await connect(`${manager.url}/mcp/counting`, one);
      expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
      await client.close();
    }
    expect(manager.log).not.toMatch(/a request failed|uncaught|unhandled/i);
  });
});
