import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import type { Instance, InstanceLabels, InstanceSpec, Runtime } from '../../src/core/runtime.ts';
import type { Endpoint } from '../../src/core/session.ts';
import type { HostBehaviour } from '../fakes/fake-host.ts';
import { eventually } from '../support/eventually.ts';

/** Somewhere instances can run, for one test. Disposing ends and removes all that is left there. */
export interface RuntimePlace extends AsyncDisposable {
  /** A new runtime object whose hosts behave so. All of one place see the same instances. */
  runtime(behaviour?: HostBehaviour): Runtime;
  /** Names what is left of this place's instances and costs anything, wherever it hides. */
  left(): Promise<readonly unknown[]>;
  /** Kills the host of an instance, and nothing else of it. */
  crash(instance: Instance): Promise<void>;
  /** A directory that instances can have as their workspace. */
  readonly workspace: string;
  /** False: a process that has left its tree, session and group cannot be found here. */
  readonly findsRunaways: boolean;
}

const LABELS: InstanceLabels = {
  session: 'pts_1-abcdefghijklmnop',
  server: 'filesystem',
  owner: 'olga',
  nonce: 'nonce',
  incarnation: 1001,
  epoch: 1,
  deadline: 4_000_000_000_000,
};

/** A specification with these labels and defaults for the others. */
export function specOf(labels: Partial<InstanceLabels> = {}, workspace = '/'): InstanceSpec {
  return { labels: { ...LABELS, ...labels }, workspace };
}

/** What is sent to the address of a Pod that is gone may just vanish: above any stall of the machine, milliseconds. */
const SILENCE_MS = 10_000;

/** True if something accepts connections at `endpoint`. */
export async function accepts(endpoint: Endpoint): Promise<boolean> {
  const socket = connect(endpoint.kind === 'unix' ? { path: endpoint.path } : endpoint);
  socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error('no answer')));
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Resolves when the host has said something to whoever connects. */
async function greeted(endpoint: Endpoint): Promise<void> {
  const socket = connect(endpoint.kind === 'unix' ? { path: endpoint.path } : endpoint);
  try {
    await once(socket, 'data');
  } finally {
    socket.destroy();
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const never = new AbortController().signal;
const ID = `${LABELS.session}/${LABELS.server}`;

/** What every runtime must do (core/runtime.ts). */
export function runtimeContract(name: string, openPlace: () => Promise<RuntimePlace>): void {
  describe(`${name}: the contract of Runtime`, () => {
    let place: RuntimePlace;
    const start = (runtime: Runtime, labels: Partial<InstanceLabels> = {}) =>
      runtime.start(specOf(labels, place.workspace), never);
    beforeEach(async () => {
      place = await openPlace();
    });
    afterEach(() => place[Symbol.asyncDispose]());

    beforeStart(() => place);
    starting(() => place, start);
    failing(() => place);
    stopping(() => place, start);
    comingBack(() => place, start);
    forgetting(() => place, start);
    leftBehind(() => place, start);
  });
}

type Start = (runtime: Runtime, labels?: Partial<InstanceLabels>) => Promise<Instance>;

function beforeStart(place: () => RuntimePlace): void {
  it('has nothing before a start', async () => {
    const runtime = place().runtime();
    expect(await runtime.status(ID)).toEqual({ phase: 'absent' });
    expect(await collect(runtime.list())).toEqual([]);
    expect(await collect(runtime.logs(ID, {}))).toEqual([]);
    expect(await runtime.usage(ID)).toBeUndefined();
    await runtime.stop(ID, 100);
  });

  it.each(['', '..', '../../etc/passwd', 'a/b/c'])('takes %j for an instance that is absent', async (id) => {
    const runtime = place().runtime();
    expect(await runtime.status(id)).toEqual({ phase: 'absent' });
    expect(await runtime.usage(id)).toBeUndefined();
    expect(await collect(runtime.logs(id, {}))).toEqual([]);
    await runtime.stop(id, 100);
  });

  it('refuses labels that name no session or no server', async () => {
    const runtime = place().runtime();
    await expect(runtime.start(specOf({ session: '../evil' }), never)).rejects.toThrow(AppError);
    await expect(runtime.start(specOf({ server: '../evil' }), never)).rejects.toThrow(AppError);
  });
}

function starting(place: () => RuntimePlace, start: Start): void {
  it('starts an instance that accepts connections, and shows it everywhere', async () => {
    const runtime = place().runtime();
    const instance = await start(runtime);
    expect(instance.labels).toEqual(LABELS);
    expect(instance.startedAt).toBeGreaterThan(0);
    expect(await accepts(instance.endpoint)).toBe(true);
    expect(await runtime.status(instance.id)).toEqual({ phase: 'running', instance });
    expect(await collect(runtime.list())).toEqual([{ phase: 'running', instance }]);
  });

  it('waits for a host that listens late', async () => {
    expect(await accepts((await start(place().runtime('slow'))).endpoint)).toBe(true);
  });

  it('keeps sessions and servers apart', async () => {
    const runtime = place().runtime();
    const others = [{}, { server: 'proxmox' }, { session: 'pts_2-abcdefghijklmnop' }];
    const instances = await Promise.all(others.map((labels) => start(runtime, labels)));
    expect(new Set(instances.map((instance) => instance.id)).size).toBe(3);
    expect(new Set(instances.map((instance) => JSON.stringify(instance.endpoint))).size).toBe(3);
    await runtime.stop(instances[0]?.id ?? '', 2000);
    expect((await collect(runtime.list())).map(({ instance }) => instance.id).sort()).toEqual(
      instances
        .slice(1)
        .map(({ id }) => id)
        .sort(),
    );
  });

  it('returns the running instance to every start of the same incarnation', async () => {
    const runtime = place().runtime('slow');
    const [first, second] = await Promise.all([start(runtime), start(runtime)]);
    expect(second).toEqual(first);
    expect(await start(runtime)).toEqual(first);
    expect(await collect(runtime.list())).toHaveLength(1);
  });

  it.each([
    ['an older incarnation', { incarnation: LABELS.incarnation + 1 }],
    ['an instance of an earlier session', { nonce: 'another', incarnation: 1 }],
  ])('ends %s first', async (_, labels) => {
    const runtime = place().runtime();
    const old = await start(runtime);
    const next = await start(runtime, labels);
    expect(next.name).not.toBe(old.name);
    expect(next.labels).toMatchObject(labels);
    expect(await collect(runtime.list())).toEqual([{ phase: 'running', instance: next }]);
  });

  it('never lets a late start end a newer incarnation', async () => {
    const runtime = place().runtime();
    const newer = await start(runtime, { incarnation: LABELS.incarnation + 1 });
    await expect(start(runtime)).rejects.toMatchObject({ code: 'server.busy' });
    expect(await runtime.status(ID)).toEqual({ phase: 'running', instance: newer });
  });

  it('gives the last lines of the log', async () => {
    const runtime = place().runtime();
    const { id } = await start(runtime);
    // Written before it listened, and in the engine's hands a moment later.
    const lines = await eventually('its last line is there', async () => {
      const said = await collect(runtime.logs(id, {}));
      return said.at(-1) === 'behaviour good' ? said : undefined;
    });
    expect(lines).toContain(`incarnation ${LABELS.incarnation}`);
    expect(await collect(runtime.logs(id, { tail: 1 }))).toEqual(['behaviour good']);
    expect(await collect(runtime.logs(id, { tail: 0 }))).toEqual([]);
  });

  it('counts what the whole tree uses', async () => {
    const runtime = place().runtime('stubborn-child');
    const usage = await runtime.usage((await start(runtime)).id);
    expect(usage?.pids).toBeGreaterThanOrEqual(2);
    expect(usage?.memoryBytes).toBeGreaterThan(1_000_000);
    expect(usage?.cpuSeconds).toBeGreaterThan(0);
  });
}

function failing(place: () => RuntimePlace): void {
  const spec = () => specOf({}, place().workspace);
  const nothingIsLeft = async () => {
    expect(await place().left()).toEqual([]);
    expect(await place().runtime().status(ID)).toEqual({ phase: 'absent' });
    expect(await collect(place().runtime().list())).toEqual([]);
  };

  it('says why a host did not start, and leaves nothing behind', async () => {
    await expect(place().runtime('failing').start(spec(), never)).rejects.toMatchObject({
      code: 'server.failed',
      message: expect.stringContaining('nothing to serve'),
      data: { stderr: expect.stringContaining('nothing to serve') },
    });
    await nothingIsLeft();
  });

  it('gives up on a host that never listens, and leaves nothing behind', async () => {
    await expect(place().runtime('deaf').start(spec(), never)).rejects.toMatchObject({ code: 'server.failed' });
    await nothingIsLeft();
  });

  it('rejects with the reason of a signal that has aborted already', async () => {
    const reason = new Error('too late');
    await expect(place().runtime().start(spec(), AbortSignal.abort(reason))).rejects.toBe(reason);
    await nothingIsLeft();
  });

  it('leaves nothing behind when its signal aborts in the middle', async () => {
    const abort = new AbortController();
    const started = place().runtime('slow').start(spec(), abort.signal);
    const reason = new Error('no longer wanted');
    setTimeout(() => abort.abort(reason), 100);
    await expect(started).rejects.toBe(reason);
    await nothingIsLeft();
  });

  it('starts after a failure', async () => {
    await expect(place().runtime('failing').start(spec(), never)).rejects.toThrow();
    expect(await accepts((await place().runtime().start(spec(), never)).endpoint)).toBe(true);
  });
}

function stopping(place: () => RuntimePlace, start: Start): void {
  const stopsAll = async (behaviour: HostBehaviour, graceMs: number) => {
    const runtime = place().runtime(behaviour);
    const { id, endpoint } = await start(runtime);
    expect(await place().left()).not.toEqual([]);
    await runtime.stop(id, graceMs);
    expect(await place().left()).toEqual([]);
    expect(await runtime.status(id)).toEqual({ phase: 'absent' });
    expect(await accepts(endpoint)).toBe(false);
  };

  it.each([
    ['good', 5000],
    ['good', 0],
    ['stubborn', 50],
    ['stubborn-child', 50],
  ] as const)('ends the whole tree of a %s host (grace %d ms)', stopsAll);

  it('ends what has left the tree, its session and its group', async (context) => {
    if (!place().findsRunaways) context.skip();
    await stopsAll('runaway', 5000);
  });

  it('shares one ending among concurrent calls', async () => {
    const runtime = place().runtime('stubborn');
    const { id } = await start(runtime);
    await Promise.all([runtime.stop(id, 50), runtime.stop(id, 50), runtime.stop(id, 50)]);
    expect(await place().left()).toEqual([]);
  });

  it('ends an instance that is just being started', async () => {
    const runtime = place().runtime('slow');
    const started = start(runtime).catch((error: unknown) => error);
    await runtime.stop(ID, 1000);
    expect(await started).toMatchObject({ code: 'server.stopped' });
    expect(await place().left()).toEqual([]);
  });

  it('starts again after a stop', async () => {
    const runtime = place().runtime();
    const first = await start(runtime);
    await runtime.stop(first.id, 5000);
    const second = await start(runtime);
    expect(second.name).not.toBe(first.name);
    expect(await accepts(second.endpoint)).toBe(true);
  });
}

function forgetting(place: () => RuntimePlace, start: Start): void {
  it('names the sessions of which something is kept, also to the next runtime object', async () => {
    const runtime = place().runtime();
    expect(await collect(runtime.kept())).toEqual([]);
    const { id, labels } = await start(runtime);
    await start(runtime, { server: 'proxmox' });
    await runtime.stop(id, 5000);
    expect(await collect(place().runtime().kept())).toEqual([labels.session]);
    await runtime.stop(`${labels.session}/proxmox`, 5000);
    expect(await collect(place().runtime().kept())).toEqual([labels.session]);
    await runtime.forget(labels.session);
    expect(await collect(runtime.kept())).toEqual([]);
  });

  it('forgets a session whose instances have ended, and no other', async () => {
    const runtime = place().runtime();
    const { id, labels } = await start(runtime);
    const other = await start(runtime, { session: 'pts_2-abcdefghijklmnop' });
    await expect(runtime.forget(labels.session)).rejects.toMatchObject({ code: 'server.busy' });
    await runtime.stop(id, 5000);
    await runtime.forget(labels.session);
    await runtime.forget(labels.session);
    expect(await accepts(other.endpoint)).toBe(true);
    expect(await accepts((await start(runtime)).endpoint)).toBe(true);
  });
}

function leftBehind(place: () => RuntimePlace, start: Start): void {
  it('[once] [proxmox.audit] shows each host what those before it have written down, until the session is forgotten', async () => {
    const runtime = place().runtime();
    const next = async (incarnation: number): Promise<{ instance: Instance; found: string[] }> => {
      const instance = await start(runtime, { incarnation });
      await greeted(instance.endpoint);
      const found = await eventually('it says what it has found', async () => {
        const lines = await collect(runtime.logs(instance.id, {}));
        const own = lines.slice(lines.lastIndexOf(`incarnation ${incarnation}`));
        const left = own.filter((line) => /^(ledger|audit) /.test(line));
        return left.length === 2 ? left : undefined;
      });
      return { instance, found };
    };
    const first = await next(1001);
    expect(first.found).toEqual(['ledger ', 'audit ']);
    await place().crash(first.instance);
    const second = await next(1002);
    expect(second.found).toEqual(['ledger 1001', 'audit 1001']);
    await runtime.stop(second.instance.id, 5000);
    const third = await next(1003);
    expect(third.found).toEqual(['ledger 1002', 'audit 1001,1002']);
    await runtime.stop(third.instance.id, 5000);
    await runtime.forget(third.instance.labels.session);
    expect((await next(1004)).found).toEqual(['ledger ', 'audit ']);
  });
}

function comingBack(place: () => RuntimePlace, start: Start): void {
  it('finds what an earlier runtime object has started, and stops it', async () => {
    const instance = await start(place().runtime());
    const adopter = place().runtime();
    expect(await collect(adopter.list())).toEqual([{ phase: 'running', instance }]);
    expect(await start(adopter)).toEqual(instance);
    expect((await adopter.usage(instance.id))?.pids).toBeGreaterThanOrEqual(1);
    await adopter.stop(instance.id, 5000);
    expect(await place().left()).toEqual([]);
  });

  it('shows an instance that ended by itself as dead until it is stopped', async () => {
    const runtime = place().runtime();
    const instance = await start(runtime);
    await place().crash(instance);
    const dead = { phase: 'dead', instance, reason: expect.stringContaining('behaviour good') };
    expect(await runtime.status(instance.id)).toEqual(dead);
    expect(await collect(runtime.list())).toEqual([dead]);
    expect(await runtime.usage(instance.id)).toBeUndefined();
    await runtime.stop(instance.id, 1000);
    expect(await runtime.status(instance.id)).toEqual({ phase: 'absent' });
  });

  it('ends what a dead host left behind before it starts the next', async (context) => {
    if (!place().findsRunaways) context.skip();
    await place().crash(await start(place().runtime('stubborn-child')));
    expect(await place().left()).toHaveLength(1);
    const next = await start(place().runtime(), { incarnation: LABELS.incarnation + 1 });
    expect(await place().left()).toHaveLength(1);
    expect(await accepts(next.endpoint)).toBe(true);
  });
}
