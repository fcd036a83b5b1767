import { setImmediate } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { OnPodEvent } from '../../src/runtime/kubernetes/cluster.ts';
import { PodCache } from '../../src/runtime/kubernetes/pod-cache.ts';
import { PodWatch } from '../../src/runtime/kubernetes/pod-watch.ts';
import { eventually } from '../support/eventually.ts';

const pod = (name: string, resourceVersion: string, uid = name): V1Pod => ({
  metadata: { name, uid, resourceVersion },
});
const versionOf = (found: V1Pod | undefined) => found?.metadata?.resourceVersion;

describe('what is known of Pods', () => {
  it('is the last list, and what has happened since', () => {
    const cache = new PodCache();
    cache.replace({ pods: [pod('a', '3'), pod('b', '4')], version: '10' });
    expect(cache.apply('ADDED', pod('c', '11'))).toBe(true);
    expect(cache.apply('MODIFIED', pod('a', '12'))).toBe(true);
    expect(cache.apply('DELETED', pod('b', '13'))).toBe(true);
    expect(['a', 'b', 'c'].map((name) => versionOf(cache.get(name)))).toEqual(['12', undefined, '11']);
    expect(cache.version).toBe('13');
  });

  it('goes on from a bookmark, which is no Pod', () => {
    const cache = new PodCache();
    cache.replace({ pods: [], version: '10' });
    expect(cache.apply('BOOKMARK', { metadata: { resourceVersion: '99' } })).toBe(true);
    expect(cache.version).toBe('99');
    expect(cache.get('')).toBeUndefined();
  });

  it('begins anew with a list after an error', () => {
    const cache = new PodCache();
    cache.replace({ pods: [pod('a', '3'), pod('gone', '4')], version: '10' });
    expect(cache.apply('ERROR', { metadata: {} })).toBe(false);
    expect(cache.version).toBeUndefined();
    cache.replace({ pods: [pod('a', '20')], version: '30' });
    expect([versionOf(cache.get('a')), cache.get('gone'), cache.version]).toEqual(['20', undefined, '30']);
  });

  it('keeps what was made after the list, whatever comes late', () => {
    const cache = new PodCache();
    cache.put(pod('a', '15', 'second'));
    cache.replace({ pods: [], version: '10' });
    cache.apply('MODIFIED', pod('a', '11', 'first'));
    cache.apply('DELETED', pod('a', '12', 'first'));
    expect(cache.get('a')?.metadata?.uid).toBe('second');
    cache.apply('DELETED', pod('a', '16', 'second'));
    expect(cache.get('a')).toBeUndefined();
  });

  it('takes in no Pod of a list that came late, after it heard of its end', () => {
    const cache = new PodCache();
    cache.replace({ pods: [pod('a', '3')], version: '10' });
    cache.apply('DELETED', pod('a', '12'));
    cache.put(pod('a', '3'));
    expect(cache.get('a')).toBeUndefined();
    cache.put(pod('a', '13', 'second'));
    expect(cache.get('a')?.metadata?.uid).toBe('second');
  });

  it('compares versions as numbers, of any length', () => {
    const cache = new PodCache();
    cache.put(pod('a', '9'));
    cache.put(pod('a', '10'));
    cache.put(pod('a', '9'));
    expect(versionOf(cache.get('a'))).toBe('10');
    cache.put(pod('a', '99999999999999999999'));
    cache.put(pod('a', '99999999999999999998'));
    expect(versionOf(cache.get('a'))).toBe('99999999999999999999');
  });
});

/** An API server of one's own: lists that are given, and watches that stand until they are ended. */
class Script {
  lists = 0;
  readonly watched: string[] = [];
  /** HTTP statuses with which the next watches are refused. */
  readonly refusals: number[] = [];
  page = { pods: [pod('a', '1')], version: '10' };
  #event: OnPodEvent = () => {};
  #end: (refused: number | undefined) => void = () => {};

  async listPods() {
    this.lists += 1;
    return this.page;
  }

  async watchPods(_: unknown, version: string, on: { onOpen: () => void; onEvent: OnPodEvent }) {
    this.watched.push(version);
    const refused = this.refusals.pop();
    if (refused !== undefined) return refused;
    this.#event = on.onEvent;
    on.onOpen();
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    this.#end = resolve;
    return promise;
  }

  say(...event: Parameters<OnPodEvent>): void {
    this.#event(...event);
  }

  end(): void {
    this.#end(undefined);
  }
}

describe('the watch', () => {
  const begin = () => {
    const script = new Script();
    const over = new AbortController();
    const pauses: number[] = [];
    const warnings: object[] = [];
    const sleep = (ms: number, signal?: AbortSignal) => {
      pauses.push(ms);
      return systemClock.sleep(1, signal);
    };
    const watch = new PodWatch({
      cluster: script,
      labels: {},
      clock: { ...systemClock, sleep },
      log: { warn: (fields) => warnings.push(fields) },
      random: () => 0.5,
      over: over.signal,
    });
    const stands = () => eventually('it stands', async () => watch.look('a'));
    return { script, over, pauses, warnings, watch, stands };
  };

  it('knows nothing before it stands, and goes on from the last version when it was ended', async () => {
    const { script, over, watch, stands } = begin();
    expect(watch.look('a')).toBeUndefined();
    expect(await stands()).toEqual({ pod: pod('a', '1') });
    expect(watch.look('b')).toEqual({ pod: undefined });
    script.say('BOOKMARK', { metadata: { resourceVersion: '50' } });
    script.end();
    await eventually('it watches again', async () => script.watched.length === 2);
    over.abort();
    script.end();
    expect([script.watched, script.lists]).toEqual([['10', '50'], 1]);
  });

  it.each([
    ['an event that says so', (script: Script) => script.say('ERROR', { code: 410 } as never)],
    ['a refusal', (script: Script) => script.refusals.push(410)],
  ])('lists again when its version is too old: %s', async (_, fail) => {
    const { script, over, watch, stands } = begin();
    await stands();
    fail(script);
    script.end();
    script.page = { pods: [pod('b', '60')], version: '70' };
    expect(await eventually('it stands', async () => watch.look('b')?.pod)).toEqual(pod('b', '60'));
    expect([watch.look('a'), script.watched.at(-1), script.lists]).toEqual([{ pod: undefined }, '70', 2]);
    over.abort();
    script.end();
  });

  it.each([
    ['says that it cannot go on', (script: Script) => script.say('ERROR', { code: 500 } as never)],
    ['ends before it has said anything', () => {}],
  ])('waits longer and longer while each one %s', async (_, fail) => {
    const { script, over, pauses, stands } = begin();
    for (let n = 1; n <= 4; n++) {
      await stands();
      await eventually('it watches', async () => script.watched.length === n);
      fail(script);
      script.end();
      await eventually('it pauses', async () => pauses.length === n);
    }
    expect(pauses.every((ms, n) => ms > (pauses[n - 1] ?? 0))).toBe(true);
    over.abort();
    script.end();
  });

  it('says once why it is refused', async () => {
    const { script, over, pauses, warnings, watch } = begin();
    script.refusals.push(403, 403);
    watch.look('a');
    await eventually('it was refused twice', async () => pauses.length >= 2);
    expect(warnings).toEqual([{ reason: 'the API server answers with HTTP 403' }]);
    over.abort();
    script.end();
  });

  it('counts for nothing from the moment in which it cannot go on', async () => {
    const { script, over, watch, stands } = begin();
    await stands();
    script.say('ERROR', { code: 410 } as never);
    expect(watch.look('a')).toBeUndefined();
    over.abort();
    script.end();
  });

  it('wakes whoever waits for a change, and nobody waits longer than asked for', async () => {
    const { script, over, watch, stands } = begin();
    await stands();
    let woken = false;
    const waiting = watch.changed(60_000, new AbortController().signal).then(() => {
      woken = true;
    });
    await setImmediate();
    expect(woken).toBe(false);
    script.say('MODIFIED', pod('a', '11'));
    await waiting;
    await watch.changed(1, new AbortController().signal);
    over.abort();
    script.end();
  });
});
