import { describe, expect, it } from 'vitest';
import { type AssignmentContext, assignmentOf } from '../../src/controller/assignment.ts';
import { decide } from '../../src/controller/decide.ts';
import { FAILURE_POLICY, type Failure, failedState } from '../../src/controller/failures.ts';
import { Instances } from '../../src/controller/instances.ts';
import { Serial } from '../../src/controller/serial.ts';
import type { InstanceStatus } from '../../src/core/runtime.ts';
import type { ServerRecord, ServerState, SessionRecord } from '../../src/core/session.ts';
import { EgressGrants } from '../../src/sessions/egress-grants.ts';
import { InstanceKeys } from '../../src/sessions/instance-keys.ts';
import { RecordSeal } from '../../src/sessions/record-seal.ts';
import { Sealer } from '../../src/sessions/sealer.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeRuntime } from '../fakes/fake-runtime.ts';
import { entry, HOST_LIMITS, KEY } from '../support/control-plane.ts';
import { sessionRecord } from '../support/records.ts';

const NOW = 1_000_000;
const endpoint = { kind: 'unix', path: '/s' } as const;
const ref = { name: '1', endpoint, startedAt: 0 };

function record(server: Partial<ServerRecord>): SessionRecord {
  const base: ServerRecord = { desired: 'running', generation: 0, state: { phase: 'pending' } };
  return sessionRecord(NOW, { nonce: 'n', servers: { s: { ...base, ...server } } });
}

function present(phase: 'running' | 'dead', incarnation: number, nonce = 'n'): InstanceStatus {
  const labels = { session: 'x', server: 's', owner: 'o', nonce, incarnation, epoch: 1, deadline: 0 };
  const instance = { ...ref, id: 'i', labels };
  return phase === 'running' ? { phase, instance } : { phase, instance, reason: 'killed' };
}

describe('decide', () => {
  const absent: InstanceStatus = { phase: 'absent' };
  const starting = (incarnation: number): ServerState => ({ phase: 'starting', incarnation, since: 0 });
  const ready = (incarnation: number): ServerState => ({ phase: 'ready', incarnation, since: 0, instance: ref });
  const failed = (retryAt?: number): ServerState => {
    const state = { phase: 'failed', incarnation: 1, since: 0, reason: 'r', failures: 1 } as const;
    return retryAt === undefined ? state : { ...state, retryAt };
  };
  const stopped = { desired: 'stopped' } as const;

  const cases: [string, SessionRecord | undefined, InstanceStatus, object][] = [
    ['over and absent', undefined, absent, { do: 'nothing' }],
    ['over and running', undefined, present('running', 1), { do: 'stop' }],
    ['over and dead', undefined, present('dead', 1), { do: 'stop' }],
    ['of an earlier session', record({ state: ready(1) }), present('running', 1, 'old'), { do: 'stop' }],
    ['stopped and running', record({ ...stopped, state: ready(1) }), present('running', 1), { do: 'stop' }],
    ['stopped and absent', record({ ...stopped, state: ready(1) }), absent, { do: 'settle' }],
    ['stopped and settled', record({ ...stopped, state: { phase: 'stopped' } }), absent, { do: 'nothing' }],
    ['new', record({}), absent, { do: 'start', incarnation: 1 }],
    [
      'wanted again',
      record({ generation: 2, state: { phase: 'stopped' } }),
      absent,
      { do: 'start', incarnation: 2001 },
    ],
    ['new, with its own instance', record({}), present('running', 1), { do: 'start', incarnation: 1 }],
    ['new, with an older instance', record({ generation: 1 }), present('running', 1), { do: 'stop' }],
    ['interrupted before the spawn', record({ state: starting(1) }), absent, { do: 'start', incarnation: 1 }],
    [
      'interrupted after the spawn',
      record({ state: starting(1) }),
      present('running', 1),
      { do: 'start', incarnation: 1 },
    ],
    [
      'not begun by who started it',
      record({ state: starting(1) }),
      { ...(present('dead', 1) as InstanceStatus & { phase: 'dead' }), unbegun: true },
      { do: 'start', incarnation: 1 },
    ],
    ['dead while it started', record({ state: starting(1) }), present('dead', 1), { do: 'fail', reason: 'killed' }],
    ['as it should be', record({ state: ready(1) }), present('running', 1), { do: 'nothing' }],
    ['dead', record({ state: ready(1) }), present('dead', 1), { do: 'fail', reason: 'killed' }],
    ['gone', record({ state: ready(1) }), absent, { do: 'fail', reason: 'its instance is gone' }],
    ['another incarnation', record({ state: ready(2) }), present('running', 1), { do: 'stop' }],
    ['to be restarted', record({ generation: 1, state: ready(1) }), present('running', 1), { do: 'stop' }],
    ['restarted and ended', record({ generation: 1, state: ready(1) }), absent, { do: 'start', incarnation: 1001 }],
    ['failed for good', record({ state: failed() }), absent, { do: 'nothing' }],
    ['failed, restart asked', record({ generation: 1, state: failed() }), absent, { do: 'start', incarnation: 1001 }],
    ['failed, too early', record({ state: failed(NOW + 1) }), absent, { do: 'nothing', until: NOW + 1 }],
    ['failed, time to try', record({ state: failed(NOW) }), absent, { do: 'start', incarnation: 2 }],
    ['failed and still running', record({ state: failed(NOW) }), present('running', 1), { do: 'stop' }],
  ];
  it.each(cases)('%s', (_, session, actual, action) => {
    expect(decide(session, 's', actual, NOW)).toMatchObject(action);
  });

  it('ends an instance of a server that the session does not have', () => {
    expect(decide(record({}), 'other', present('running', 1), NOW)).toMatchObject({ do: 'stop' });
    expect(decide(record({}), 'constructor', absent, NOW)).toEqual({ do: 'nothing' });
  });
});

describe('failedState', () => {
  const fail = (before: ServerState, random = 0.5, kind: Failure['kind'] = 'failure') =>
    failedState(before, { incarnation: 1, reason: 'r', stderr: '', kind }, NOW, random, FAILURE_POLICY);

  it('waits longer after each failure, and a minute from the fifth on', () => {
    const waits: number[] = [];
    let state: ServerState = { phase: 'pending' };
    for (let n = 0; n < 7; n++) {
      const next = fail(state);
      waits.push((next.retryAt ?? 0) - NOW);
      state = { phase: 'starting', incarnation: n + 2, since: NOW, failures: next.failures };
    }
    expect(waits).toEqual([100, 200, 400, 800, 61_600, 63_200, 66_400]);
  });

  it('spreads over the whole delay', () => {
    expect(fail({ phase: 'pending' }, 0).retryAt).toBe(NOW);
    expect(fail({ phase: 'pending' }, 0.999).retryAt).toBe(NOW + 199);
  });

  it('forgets earlier failures once it has run well, and not before', () => {
    const ran = (ms: number) => fail({ phase: 'ready', incarnation: 1, since: NOW - ms, instance: ref, failures: 4 });
    expect(ran(FAILURE_POLICY.healthyMs).failures).toBe(1);
    expect(ran(FAILURE_POLICY.healthyMs - 1).failures).toBe(5);
  });

  it('is not tried again when that cannot help', () => {
    const state = fail({ phase: 'pending' }, 0.5, 'definite');
    expect(state.retryAt).toBeUndefined();
    expect(state).not.toHaveProperty('stderr');
  });
});

describe('Serial', () => {
  it('runs one at a time per key, and once more for all who asked meanwhile', async () => {
    const serial = new Serial();
    const gates: PromiseWithResolvers<void>[] = [];
    const task = () => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      return gate.promise;
    };
    const first = serial.run('a', task);
    const second = serial.run('a', task);
    expect(serial.run('a', task)).toBe(second);
    void serial.run('b', task);
    expect(gates).toHaveLength(2);
    expect(serial.isBusy('a')).toBe(true);
    gates[0]?.reject(new Error('first'));
    await expect(first).rejects.toThrow('first');
    await Promise.resolve();
    expect(gates).toHaveLength(3);
    gates[2]?.resolve();
    await second;
    expect(serial.isBusy('a')).toBe(false);
    expect(serial.isBusy('b')).toBe(true);
  });

  it('never lets two of a key overlap, however they are asked for', async () => {
    const serial = new Serial();
    let inside = 0;
    let runs = 0;
    const task = async () => {
      expect(++inside).toBe(1);
      runs++;
      for (let n = 0; n < 3; n++) await Promise.resolve();
      inside--;
    };
    const asked: Promise<void>[] = [];
    for (let n = 0; n < 50; n++) {
      asked.push(serial.run('a', task));
      for (let m = 0; m < n % 5; m++) await Promise.resolve();
    }
    await Promise.all(asked);
    expect(runs).toBeGreaterThan(2);
    expect(serial.isBusy('')).toBe(false);
  });
});

describe('Instances', () => {
  const spec = (incarnation: number) => {
    const labels = { session: 'x', server: 's', owner: 'o', nonce: 'n', incarnation, epoch: 1, deadline: 0 };
    return { labels, workspace: '/work' };
  };
  const never = new AbortController().signal;
  const runs = async (instances: Instances) => {
    const status = await instances.status('x', 's');
    return status.phase === 'running' ? status.instance.labels.incarnation : status.phase;
  };

  it('is not misled by a start that ends after its successor', async () => {
    const runtime = new FakeRuntime(new FakeClock());
    const instances = new Instances(runtime);
    const gate = Promise.withResolvers<void>();
    const start = runtime.start.bind(runtime);
    runtime.start = async (wanted, signal) => {
      const instance = await start(wanted, signal);
      if (wanted.labels.incarnation === 1) await gate.promise;
      return instance;
    };
    const first = instances.start(spec(1), never);
    await instances.start(spec(2), never);
    gate.resolve();
    await first;
    expect(await runs(instances)).toBe(2);
  });

  it('is not misled by a listing that began before a start', async () => {
    const runtime = new FakeRuntime(new FakeClock());
    await runtime.start(spec(1), never);
    const instances = new Instances(runtime);
    const gate = Promise.withResolvers<void>();
    runtime.listGate = gate.promise;
    const listing = instances.list();
    await instances.start(spec(2), never);
    gate.resolve();
    expect((await listing).get('x/s')?.instance.labels.incarnation).toBe(1);
    expect(await runs(instances)).toBe(2);
    expect(instances.of('x')).toEqual(['s']);
  });
});

describe('assignmentOf', () => {
  const sealer = new Sealer(KEY);
  const session = (variables: Record<string, string>, workspace = '/work') => {
    const base = sessionRecord(NOW, { workspace });
    return { ...base, sealed: sealer.seal(base.id, variables) };
  };
  const context = (change: Parameters<typeof entry>[1], more: Partial<AssignmentContext> = {}): AssignmentContext => ({
    catalogue: new Map([['s', entry('s', change)]]),
    sealer,
    records: new RecordSeal(KEY),
    grants: new EgressGrants(KEY, new FakeClock()),
    env: { FROM_MANAGER: 'm', SECRET: 'not for s' },
    hostLimits: HOST_LIMITS,
    readTemplate: async (path) => `content of ${path}`,
    ...more,
  });

  it('fills in what belongs to the session, and only that', async () => {
    const record = session({ TOKEN: '${workspace}', OTHER: 'not for s' }, '/w/${env:TOKEN}');
    const assignment = await assignmentOf(
      context({
        args: ['--root', '${workspace}/x', '${configDir}', '${HOME}'],
        env: { A: '${env:TOKEN}-${env:FROM_MANAGER}', B: '${workspace}', C: '${configDir}/c.json' },
        variables: ['TOKEN', 'FROM_MANAGER', 'UNSET'],
        files: { 'c.json': '/templates/c.json' },
      }),
      record,
      's',
      1,
    );
    expect(assignment).toEqual({
      session: record.id,
      server: 's',
      launch: {
        kind: 'stdio',
        command: 'node',
        args: ['--root', '/w/${env:TOKEN}/x', '${configDir}', '${HOME}'],
        env: { A: '${workspace}-m', B: '/w/${env:TOKEN}', C: '${configDir}/c.json' },
      },
      variables: { TOKEN: '${workspace}', FROM_MANAGER: 'm' },
      files: { 'c.json': 'content of /templates/c.json' },
      workspace: '/w/${env:TOKEN}',
      deadline: record.maxAt,
      limits: HOST_LIMITS,
      record: expect.any(String),
    });
  });

  it("prefers the terminal's variables to the manager's", async () => {
    const assignment = await assignmentOf(
      context({ variables: ['FROM_MANAGER'] }),
      session({ FROM_MANAGER: 't' }),
      's',
      1,
    );
    expect(assignment.variables).toEqual({ FROM_MANAGER: 't' });
  });

  it('says where the server may go, if its entry asks for that', async () => {
    const grants = new EgressGrants(KEY, new FakeClock());
    const egress = { egress: ['${env:HOST}:8006'], variables: ['HOST'] };
    const record = { ...session({ HOST: 'pve1' }), maxAt: new FakeClock().now() + 1000 };
    const asked = await assignmentOf(context({ ...egress, network: 'egress' }, { grants }), record, 's', 7);
    const secret = new InstanceKeys(KEY).secretOf(record, 's', 7);
    expect(grants.verify(asked.egress?.grant ?? '', secret)).toMatchObject({ hosts: ['pve1:8006'], incarnation: 7 });
    expect(await assignmentOf(context({ ...egress, network: 'bridge' }), record, 's', 7)).not.toHaveProperty('egress');
  });

  it('names a module as it stands', async () => {
    const { launch } = await assignmentOf(context({ transport: 'module', command: '/m.js' }), session({}), 's', 1);
    expect(launch).toEqual({ kind: 'module', module: '/m.js' });
  });

  it.each([
    ['a variable that is not set', context({ env: { A: '${env:UNSET}' }, variables: ['UNSET'] }), 'UNSET'],
    ['a variable that is not listed', context({ env: { A: '${env:SECRET}' } }), 'SECRET'],
    ['a server that the catalogue lost', context({}, { catalogue: new Map() }), 'no server "s" any more'],
    [
      'a template that cannot be read',
      context({ files: { 'c.json': '/t' } }, { readTemplate: () => Promise.reject(new Error('ENOENT')) }),
      'c.json',
    ],
    ['variables of another key', context({}, { sealer: new Sealer(Buffer.alloc(32, 9)) }), 'init'],
  ])('says what is missing: %s', async (_, bad, text) => {
    const assigned = assignmentOf(bad, session({}), 's', 1);
    await expect(assigned).rejects.toMatchObject({ code: 'config.invalid', message: expect.stringContaining(text) });
  });
});
