import { describe, expect, it } from 'vitest';
import { type Health, HealthCheck } from '../../src/admin/health.ts';
import type { HostStatus } from '../../src/core/channel.ts';
import type { InstanceRef, ServerState, SessionRecord } from '../../src/core/session.ts';
import { InstanceKeys } from '../../src/sessions/instance-keys.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { sessionRecord } from '../support/records.ts';

/** Far more than are asked at once. */
const SESSIONS = 1000;

describe('[admin.health] health, while no instance answers', () => {
  const clock = new FakeClock();
  const instance: InstanceRef = { name: 'n', endpoint: { kind: 'unix', path: '/host.sock' }, startedAt: 1 };
  const state: ServerState = { phase: 'ready', incarnation: 1, since: 1, instance };
  const servers = { filesystem: { desired: 'running', generation: 0, state } } as const;
  const records = Array.from({ length: SESSIONS }, () => sessionRecord(clock.now(), { servers }));
  let looks = 0;
  const check = new HealthCheck({
    clock,
    store: {
      generation: async () => 'one',
      async *list(): AsyncIterable<SessionRecord> {
        looks += 1;
        yield* records;
      },
    },
    operations: { replicas: async () => [] },
    hosts: { status: () => new Promise<HostStatus>(() => {}) },
    keys: new InstanceKeys(Buffer.alloc(32)),
    capacity: 2 * SESSIONS,
    here: () => ({ draining: false, sessions: 0 }),
  });

  it('is known after some seconds, however many there are, and looked at once for all who ask', async () => {
    const found: Health[] = [];
    const ask = async () => void found.push(await check.lately());
    void ask();
    await clock.advance(2000);
    void ask();
    await clock.advance(2000);
    expect(found.map(({ reasons }) => reasons.at(-1)?.code)).toEqual(['circuits.open', 'circuits.open']);
    expect(looks).toBe(1);
    await clock.advance(1000);
    void ask();
    await clock.advance(4000);
    expect([found.length, looks]).toEqual([3, 2]);
  });
});
