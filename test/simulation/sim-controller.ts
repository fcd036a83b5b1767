import { Controller } from '../../src/controller/controller.ts';
import { RecordMemory } from '../../src/controller/record-memory.ts';
import { EgressGrants } from '../../src/sessions/egress-grants.ts';
import { InstanceKeys } from '../../src/sessions/instance-keys.ts';
import { RecordSeal } from '../../src/sessions/record-seal.ts';
import { Sealer } from '../../src/sessions/sealer.ts';
import { KeptLifecycle } from '../fakes/kept-lifecycle.ts';
import { NO_METER } from '../fakes/no-meter.ts';
import { CATALOGUE, KEY } from './deployment.ts';
import { SimLease } from './sim-lease.ts';
import { hostsFor, runtimeFor } from './sim-machine.ts';
import type { SimProcess } from './sim-process.ts';
import { signalsFor, storeFor } from './sim-store.ts';
import type { World } from './world.ts';

const HOST_LIMITS = {
  logBytes: 1 << 20,
  logAgeMs: 300_000,
  keys: 100,
  children: 8,
  childIdleMs: 12_000,
  initializeMs: 5000,
  parkedMs: 900_000,
  abandonedMs: 120_000,
};
const AGAIN_MS = 500;

/** A process with the role `controller`, as src/roles/controller.ts puts it together: works whenever it has the lease. */
export async function runController(world: World, process: SimProcess): Promise<void> {
  const memory = new RecordMemory();
  while (!world.closed) {
    const lease = await SimLease.acquire(world, process);
    world.acts(process, lease.epoch);
    await controllerOf(world, process, lease, memory).run(world.end.signal);
    await lease[Symbol.asyncDispose]();
    await process.clock.sleep(world.prng.between(0, AGAIN_MS));
  }
}

function controllerOf(world: World, process: SimProcess, lease: SimLease, memory: RecordMemory): Controller {
  const { clock } = process;
  return new Controller({
    ...{ clock, lease, memory, log: world.log, random: world.prng.next, catalogue: CATALOGUE, env: {} },
    store: storeFor(world, process),
    lifecycle: new KeptLifecycle(),
    signals: signalsFor(world, process),
    runtime: runtimeFor(world, process),
    hosts: hostsFor(world, process),
    keys: new InstanceKeys(KEY),
    sealer: new Sealer(KEY),
    grants: new EgressGrants(KEY, clock),
    records: new RecordSeal(KEY),
    hostLimits: HOST_LIMITS,
    readTemplate: async () => '',
    startsAtOnce: 1,
    startMs: 5000,
    graceMs: 1000,
    idleMs: 20_000,
    admission: { instances: 100, perOwner: 100, queue: 100 },
    intervalMs: 3000,
    surveyMs: 4000,
    meter: NO_METER,
    hostname: 'laptop',
    isTerminalGone: () => false,
  });
}
