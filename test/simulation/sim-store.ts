import type { ConnectionRecord } from '../../src/core/connection.ts';
import { StoreUnavailable } from '../../src/core/errors.ts';
import type { SessionRecord } from '../../src/core/session.ts';
import type { Signals } from '../../src/core/signals.ts';
import type { ConnectionStore, SessionStore } from '../../src/core/store.ts';
import { collect } from '../support/records.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

type Store = SessionStore & ConnectionStore;

/** Something done in the store that this process reaches, or does not; what was done may look like an outage. */
export function reachStore<T>(world: World, from: SimProcess, work: () => Promise<T>): Promise<T> {
  return from.ask(async () => {
    if (world.storeDown || world.cutOff.has(from)) throw new StoreUnavailable('simulated outage');
    const done = await work();
    if (world.prng.chance(world.faults.flaky)) throw new StoreUnavailable('the answer was lost');
    return done;
  });
}

/** The store of all processes, as one of them sees it. */
export function storeFor(world: World, from: SimProcess): Store {
  const { memory } = world;
  const reach = <T>(work: () => Promise<T>) => reachStore(world, from, work);
  return {
    generation: () => reach(() => memory.generation()),
    prepare: (generation) => reach(() => memory.prepare(generation)),
    begin: (generation) => reach(() => memory.begin(generation)),
    create: (record) => reach(() => memory.create(record)),
    touch: (id) => reach(() => memory.touch(id)),
    peek: (id) => reach(() => memory.peek(id)),
    deadline: (id) => reach(() => memory.deadline(id)),
    replace: (next) => reach(() => replace(world, from, next)),
    delete: (id) => reach(() => memory.delete(id)),
    async *list() {
      yield* await reach(() => collect(memory));
    },
    add: (record: ConnectionRecord) => reach(() => memory.add(record)),
    find: (session, id) => reach(() => memory.find(session, id)),
    connections: (session) => reach(() => memory.connections(session)),
    remove: (session, id) => reach(() => memory.remove(session, id)),
    count: (session) => reach(() => memory.count(session)),
  };
}

async function replace(world: World, from: SimProcess, next: SessionRecord): Promise<boolean> {
  const before = await world.memory.peek(next.id);
  const done = await world.memory.replace(next);
  if (done && (before?.epoch ?? 0) > (next.epoch ?? 0))
    world.violate(`${from.name} wrote over what a later controller had dealt with`);
  return done;
}

/** Signals of one process: late, and sometimes lost. */
export function signalsFor(world: World, of: SimProcess): Signals {
  return {
    publish: (session) => {
      if (world.storeDown || world.cutOff.has(of)) return;
      for (const heard of [...world.listeners]) {
        if (world.prng.chance(world.faults.deaf) || world.cutOff.has(heard.process)) continue;
        world.time.after(world.prng.between(1, world.faults.slow), () => heard.listener(session), heard.process);
      }
    },
    subscribe: (listener) => {
      const entry = { process: of, listener };
      world.listeners.add(entry);
      return { [Symbol.dispose]: () => void world.listeners.delete(entry) };
    },
  };
}
