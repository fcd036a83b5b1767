import { collect } from '../support/records.ts';
import { type Faults, PEACE, World } from './world.ts';

/** Times of one scenario, milliseconds: faults, then peace; clients begin nothing new for the last part of it. */
const FAULTS_MS = 60_000;
const PEACE_MS = 90_000;
const REST_MS = 60_000;
/** Far more than a world in which everybody waits between two tries ever has. */
const EVENTS_MOST = 200_000;

/** What one seed led to. */
export interface Outcome {
  readonly violations: readonly string[];
  readonly reached: ReadonlySet<string>;
  readonly trace: readonly string[];
}

/** Each may be done at any moment. */
const EVENTS: Readonly<Record<string, (world: World) => boolean>> = {
  'a gateway killed': (world) => {
    const gateway = world.prng.pick([...world.gateways]);
    gateway?.process.kill();
    again(world, () => world.addGateway());
    return gateway !== undefined;
  },
  'a gateway ended in good order': (world) => {
    const gateway = world.prng.pick([...world.gateways]);
    if (!gateway || gateway.ending) return false;
    gateway.ending = true;
    gateway.process.run(() => gateway.endpoint.endStreams());
    world.time.after(5000, () => gateway.process.kill());
    again(world, () => world.addGateway());
    return true;
  },
  'a controller killed': (world) => {
    const controller = world.prng.pick([...world.controllers]);
    controller?.kill();
    again(world, () => world.addController());
    return controller !== undefined;
  },
  'a host killed': (world) => {
    const host = world.isMending ? undefined : world.prng.pick(world.machine.running());
    host?.process.kill();
    return host !== undefined;
  },
  'a host hangs': (world) => {
    const host = world.isMending ? undefined : world.prng.pick(world.machine.running());
    host?.process.stop();
    return host !== undefined;
  },
  'a child killed': (world) => {
    const host = world.prng.pick(world.machine.running());
    const server = host && world.prng.pick([...host.servers]);
    if (server) host.process.run(() => server.die());
    return server !== undefined;
  },
  'a process stopped': (world) => {
    const gateways = [...world.gateways].map(({ process }) => process);
    const hosts = world.isMending ? [] : world.machine.running().map(({ process }) => process);
    const process = world.prng.pick([...gateways, ...world.controllers, ...hosts]);
    process?.stop();
    if (process) world.time.after(world.prng.between(100, 8000), () => process.resume());
    return process !== undefined;
  },
  'a link cut': (world) => {
    const pipe = world.prng.pick([...world.pipes]);
    pipe?.cut();
    return pipe !== undefined;
  },
  'the store out of reach': (world) => {
    world.storeDown = true;
    world.time.after(world.prng.between(100, 15_000), () => {
      world.storeDown = false;
    });
    return true;
  },
  'one process cut off from the store': (world) => {
    const process = world.prng.pick([...[...world.gateways].map((gateway) => gateway.process), ...world.controllers]);
    if (!process) return false;
    world.cutOff.add(process);
    world.time.after(world.prng.between(100, 10_000), () => world.cutOff.delete(process));
    return true;
  },
  'the store emptied': (world) => {
    // Of a session whose host hangs for long nobody else may know.
    const hangs = world.machine.running().some(({ process }) => process.stopped);
    if (world.storeDown || world.isMending || hangs) return false;
    world.empty();
    return true;
  },
  'the engine out of reach': (world) => {
    world.machine.down = true;
    world.time.after(world.prng.between(100, 8000), () => {
      world.machine.down = false;
    });
    return true;
  },
  'a server restarted': (world) => change(world, 'restart'),
  'a session ended': (world) => change(world, 'end'),
};
/** How often each event comes, out of all; 1 for the others. */
const WEIGHTS: Readonly<Record<string, number>> = {
  ...{ 'a gateway killed': 3, 'a controller killed': 2, 'a host killed': 2, 'a child killed': 3, 'a link cut': 4 },
};
export const EVENT_NAMES = Object.keys(EVENTS);
const DICE = EVENT_NAMES.flatMap((name) => Array.from({ length: WEIGHTS[name] ?? 1 }, () => name));

/** Runs the world that `seed` makes. The same seed runs the same world, event for event. */
export async function runScenario(seed: number, isTraced = false): Promise<Outcome> {
  using world = new World(seed, isTraced);
  const { prng, time } = world;
  world.faults = mishaps(world);
  for (let index = 0; index < 2; index++) world.addController();
  for (let index = 0; index < 3; index++) world.addGateway();
  for (let index = 0; index < 3; index++) world.addClient(index);
  const begin = time.now;
  for (let count = prng.between(1, 12); count > 0; count--)
    time.after(prng.between(0, FAULTS_MS), () => misfortune(world));
  time.after(FAULTS_MS, () => {
    world.note('peace');
    world.faults = { ...PEACE };
  });
  time.after(FAULTS_MS + PEACE_MS - REST_MS, () => {
    world.closing = true;
  });
  const look = () => {
    if (time.count > EVENTS_MOST) world.violate('something runs hot: too many events');
    if (world.violations.length > 0) throw new Violated();
  };
  try {
    await time.runUntil(begin + FAULTS_MS + PEACE_MS, look);
    await checkRest(world);
  } catch (error) {
    if (!(error instanceof Violated)) throw error;
  }
  // As it is: what ends with the world still has something to say.
  return { violations: world.violations, reached: world.reached, trace: [...world.trace] };
}

class Violated extends Error {}

function mishaps({ prng }: World): Faults {
  const some = (most: number) => (prng.chance(0.5) ? most * prng.next() : 0);
  return {
    slow: prng.between(1, 80),
    cut: some(0.02),
    flaky: some(0.05),
    deaf: some(0.5),
    doubled: some(0.3),
    broken: some(0.2),
    congested: some(0.1),
  };
}

function misfortune(world: World): void {
  const name = world.prng.pick(DICE) ?? '';
  world.note(`(${name})`);
  if (EVENTS[name]?.(world)) world.reached.add(name);
}

function again(world: World, begin: () => void): void {
  world.time.after(world.prng.between(100, 5000), begin);
}

/** What a terminal's owner asks for. */
function change(world: World, what: 'restart' | 'end'): boolean {
  const gateway = world.prng.pick([...world.gateways]);
  const session = world.prng.pick([...world.tracked.values()].filter(({ over }) => !over));
  if (!gateway || !session) return false;
  if (what === 'end') session.over = true;
  const { sessions } = gateway;
  const work = () => (what === 'end' ? sessions.end(session.id) : sessions.setServer(session.id, 'counter', 'restart'));
  gateway.process.run(() => void work().catch(() => {}));
  return true;
}

/** What must be true when everything is well again and has had time. */
async function checkRest(world: World): Promise<void> {
  for (const uid of world.pending) world.violate(`${uid} was never answered`);
  const records = new Map((await collect(world.memory)).map((record) => [record.id, record]));
  for (const { id, nonce, over } of world.tracked.values())
    if (!over && records.get(id)?.nonce !== nonce) world.violate(`session ${id} was lost`);
  const running = world.machine.running();
  const hanging = running.filter(({ process }) => process.stopped);
  if (hanging.length < running.length) for (const { instance } of hanging) world.violate(`${instance.id} still hangs`);
  for (const { instance } of running) {
    const { session, server, nonce, incarnation } = instance.labels;
    const record = records.get(session);
    const state = record?.nonce === nonce ? record.servers[server]?.state : undefined;
    if (state?.phase !== 'ready' || state.incarnation !== incarnation)
      world.violate(`instance ${instance.id} of ${session} is an orphan: ${JSON.stringify(state)}`);
  }
  for (const { id, servers } of records.values()) {
    const state = servers.counter?.state;
    const there = state?.phase === 'ready' && world.machine.at(state.instance.endpoint) !== undefined;
    if (!there && state?.phase !== 'idle') world.violate(`server of ${id} is not at rest: ${JSON.stringify(state)}`);
  }
}
