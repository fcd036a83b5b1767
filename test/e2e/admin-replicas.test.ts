import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ReplicaReport } from '../../src/core/operations.ts';
import { eventually } from '../support/eventually.ts';
import { Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';

requires('redis')('the admin API on replicas', () => {
  let replicas: Replicas;
  let token: string;
  beforeAll(async () => {
    replicas = await Replicas.start(2, 1);
    const password = readFileSync(join(replicas.state, 'admin-password'), 'utf8').trim();
    token = ((await (await login(0, password)).json()) as { token: string }).token;
  });
  afterAll(() => replicas[Symbol.asyncDispose]());

  const login = (n: number, password: string, username = 'admin') =>
    fetch(`${replicas.gateway(n).url}/admin/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    });
  const ask = (n: number, path: string, method = 'GET', bearer = token) =>
    fetch(`${replicas.gateway(n).url}/admin/api${path}`, { method, headers: { authorization: `Bearer ${bearer}` } });
  const health = async (n: number) =>
    (await (await ask(n, '/sessions/health')).json()) as {
      status: string;
      active_sessions: number;
      reasons: { code: string }[];
    };

  it('[admin.replicas] any replica knows who was let in by another, and what it was told', async () => {
    expect(await (await ask(1, '/whoami')).json()).toMatchObject({ name: 'admin' });
    await replicas.open(0);
    await eventually('it is healthy', async () => (await health(1)).status === 'healthy');
    expect(await health(1)).toMatchObject({ active_sessions: 1 });
    const cleanup = await ask(1, '/sessions/cleanup', 'POST');
    expect(await cleanup.json()).toMatchObject({ message: 'Cleaned up 0 terminated sessions', remaining_sessions: 1 });
    const { items } = (await (await ask(0, '/audit')).json()) as { items: { action: string }[] };
    expect(items.map(({ action }) => action)).toEqual(['sessions.cleanup', 'login']);
  });

  it('[people.throttle] failures at one replica count at the other', async () => {
    for (let n = 0; n < 10; n++) expect((await login(n, 'wrong', 'nobody')).status).toBe(401);
    for (const n of [0, 1]) expect((await login(n, 'wrong', 'nobody')).status).toBe(429);
  });

  it('[admin.replicas] a logout at one replica is one at the other', async () => {
    const password = readFileSync(join(replicas.state, 'admin-password'), 'utf8').trim();
    const other = ((await (await login(1, password)).json()) as { token: string }).token;
    expect((await ask(0, '/whoami', 'GET', other)).status).toBe(200);
    expect((await ask(1, '/logout', 'POST', other)).status).toBe(200);
    expect((await ask(0, '/whoami', 'GET', other)).status).toBe(401);
  });

  it('[admin.drain] a gateway that is drained says so to its balancer, and serves on', async () => {
    const list = async () => ((await (await ask(0, '/replicas')).json()) as { replicas: ReplicaReport[] }).replicas;
    const gateways = await eventually('both are known', async () => {
      const found = (await list()).filter(({ role }) => role === 'gateway');
      return found.length === 2 ? found : undefined;
    });
    expect((await ask(0, `/replicas/${gateways[0]?.id}/drain`, 'POST')).status).toBe(202);
    await eventually('one is not ready any more', async () => {
      const ready = await Promise.all(replicas.gateways.map(async ({ url }) => (await fetch(`${url}/readyz`)).ok));
      return ready.filter((ok) => ok).length === 1;
    });
    await eventually('everybody knows', async () => (await health(0)).reasons.some(({ code }) => code === 'draining'));
    for (const n of [0, 1]) expect((await health(n)).status).toBe('degraded');
    expect((await ask(0, `/replicas/${gateways[1]?.id}/drain`, 'POST')).status).toBe(400);
  });

  // Whoever is there has said so, which holds for 15 s.
  it('[admin.health] a store that is full is seen at every gateway', { timeout: 60_000 }, async () => {
    const store = new Redis(replicas.redis.url);
    try {
      await store.config('SET', 'maxmemory', 1);
      const refuses = async (n: number) => (await health(n)).reasons.some(({ code }) => code === 'store.refuses');
      for (const n of [0, 1]) await eventually('it refuses', () => refuses(n), 25_000);
    } finally {
      await store.config('SET', 'maxmemory', 0);
      store.disconnect();
    }
    await eventually('a controller is in charge', async () => {
      const { reasons } = await health(0);
      return reasons.every(({ code }) => code === 'draining');
    });
  });

  it('[admin.health] the death of the controller is seen at every gateway', { timeout: 60_000 }, async () => {
    await replicas.controllers[0]?.kill();
    for (const n of [0, 1])
      await eventually(
        'it is missed',
        async () => (await health(n)).reasons.some(({ code }) => code === 'controller.absent'),
        25_000,
      );
  });

  it('[admin.health] [attack.health] an outage of the store is seen at every gateway, by who was logged in and by everybody', async () => {
    await replicas.redis.kill();
    for (const [n, { url }] of replicas.gateways.entries()) {
      await eventually('it is missed', async () => (await health(n)).reasons[0]?.code === 'store.unavailable');
      expect((await health(n)).status).toBe('unhealthy'); // no gateway has served a session here
      await eventually('everybody sees it', async () => (await fetch(`${url}/health`)).status === 503);
      expect((await ask(n, '/whoami')).status).toBe(503);
      expect((await login(n, 'x')).status).toBe(503);
    }
  });
});
