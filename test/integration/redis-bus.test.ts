import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CleanupPreview, CleanupResult } from '../../src/core/api.ts';
import { systemClock } from '../../src/core/clock.ts';
import { AppError, StoreUnavailable } from '../../src/core/errors.ts';
import { RedisBus } from '../../src/store/redis/bus.ts';
import { answerCalls, RemoteController } from '../../src/store/redis/controller-calls.ts';
import { RedisSignals } from '../../src/store/redis/signals.ts';
import { eventually } from '../support/eventually.ts';
import { sessionRecord } from '../support/records.ts';
import { RedisServer } from '../support/redis.ts';
import { requires } from '../support/requires.ts';

let server: RedisServer;
let buses: RedisBus[];
beforeEach(async () => {
  server = await RedisServer.start();
  buses = [];
});
afterEach(async () => {
  for (const bus of buses) await bus[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** The bus of a process of its own; it waits for Redis on a machine that stands still for a while, if nothing else is said. */
function bus(commandTimeoutMs = 10_000): RedisBus {
  const made = new RedisBus({ url: server.url, clock: systemClock, commandTimeoutMs });
  buses.push(made);
  return made;
}

/** Signals as one process has them, with all that it heard. */
function listener(channel = 'here') {
  const signals = new RedisSignals(bus(), channel);
  const heard: string[] = [];
  signals.subscribe((session) => heard.push(session));
  return { signals, heard };
}
const { id } = sessionRecord(0);

requires('redis')('redis signals', () => {
  it('reach every process of the deployment, each once, and nobody else', async () => {
    const [one, two, foreign] = [listener(), listener(), listener('elsewhere')];
    await eventually('the other hears', async () => {
      one.signals.publish(id);
      return two.heard.length > 0;
    });
    const [a, b, last] = [sessionRecord(0).id, sessionRecord(0).id, sessionRecord(0).id];
    one.signals.publish(a);
    one.signals.publish(b);
    await eventually('all of it', async () => two.heard.includes(b));
    two.signals.publish(last);
    await eventually('the answer', async () => one.heard.includes(last));
    // What comes back from Redis is not heard again: it would have been before the last one.
    for (const { heard } of [one, two]) expect(heard.filter((session) => session !== id)).toEqual([a, b, last]);
    expect(foreign.heard).toEqual([]);
  });

  it('are heard here without Redis, and there again when it is back', async () => {
    const [one, two] = [listener(), listener()];
    await eventually('they know each other', async () => {
      one.signals.publish(id);
      return two.heard.length > 0;
    });
    await server.kill();
    const before = one.heard.length;
    one.signals.publish(id);
    await eventually('it is heard here', async () => one.heard.length === before + 1);
    await server.restart();
    const known = two.heard.length;
    await eventually('it is heard there', async () => {
      one.signals.publish(id);
      return two.heard.length > known;
    });
  });

  it('leave out what is no session', async () => {
    const { heard } = listener();
    const speaker = bus();
    await eventually('somebody listens', async () => (await speaker.publish('here', 'x not-a-session')) > 0);
    await eventually('a real one is heard', async () => {
      await speaker.publish('here', `x ${id}`);
      return heard.length > 0;
    });
    expect(new Set(heard)).toEqual(new Set([id]));
  });
});

requires('redis')('calls of the controller over Redis', () => {
  const remote = (answerMs = 10_000, redis = bus()) =>
    new RemoteController({ bus: redis, deployment: 'd', clock: systemClock, answerMs });
  const RESULT: CleanupResult = { sessions: [id], orphans: 2 };
  const PREVIEW: CleanupPreview = { sessions: [], orphans: [{ session: id, server: 'filesystem', instance: '7' }] };
  const foresee = async () => PREVIEW;

  /** Asks until the subscriptions of both sides are there. */
  const answered = (gateway: RemoteController) => eventually('an answer', () => gateway.cleanup('ada'));

  it('are answered by the one in charge', async () => {
    const asked: string[] = [];
    const controller = {
      cleanup: async (owner: string) => {
        asked.push(owner);
        return RESULT;
      },
      foresee,
    };
    using _answers = answerCalls(bus(), 'd', controller);
    expect(await answered(remote())).toEqual(RESULT);
    const asker = remote();
    expect(await eventually('a preview', () => asker.foresee('ada'))).toEqual(PREVIEW);
    expect(new Set(asked)).toEqual(new Set(['ada']));
  });

  it('are not taken for one another by a controller of an earlier version, which cleans up whatever it is asked', async () => {
    const earlier = bus();
    let asked = 0;
    using _calls = earlier.on('mcp:d:calls', () => void asked++);
    await eventually('it listens', async () => (await earlier.publish('mcp:d:calls', '')) > 0);
    await eventually('it has heard that', async () => asked > 0);
    const before = asked;
    await expect(remote(50).foresee('ada')).rejects.toMatchObject({ code: 'server.busy' });
    expect(asked).toBe(before);
  });

  it('fail as they did there', async () => {
    const refusal = new AppError('server.busy', 'Process 7 does not end');
    using _answers = answerCalls(bus(), 'd', { cleanup: () => Promise.reject(refusal), foresee });
    const gateway = remote();
    await eventually('its words', () =>
      gateway.cleanup('ada').then(
        () => false,
        (error: AppError) => error.code === 'server.busy' && error.message === 'Process 7 does not end',
      ),
    );
  });

  it('are refused with 503 at once when no controller listens, and when none answers', async () => {
    await expect(remote().cleanup('ada')).rejects.toMatchObject({ code: 'server.busy', status: 503, retryAfter: 2 });
    const silent = bus();
    using _listening = silent.on('mcp:d:calls', () => {});
    await eventually('it listens', async () => (await silent.publish('mcp:d:calls', '')) > 0);
    await expect(remote(50).cleanup('ada')).rejects.toMatchObject({ code: 'server.busy' });
  });

  it('say that Redis is out of reach', async () => {
    const gateway = remote(10_000, bus(600));
    await server.kill();
    await expect(gateway.cleanup('ada')).rejects.toBeInstanceOf(StoreUnavailable);
  });

  it('are no longer answered by one that has lost the lease', async () => {
    const gateway = remote();
    const answers = answerCalls(bus(), 'd', { cleanup: async () => RESULT, foresee });
    expect(await answered(gateway)).toEqual(RESULT);
    answers[Symbol.dispose]();
    await eventually('nobody listens', () =>
      gateway.cleanup('ada').then(
        () => false,
        (error: AppError) => error.code === 'server.busy',
      ),
    );
  });
});
