import { Manager } from './manager.ts';
import { type Measured, measure, median } from './measure.ts';
import { startTargets, TARGETS, type TargetName } from './targets.ts';

const SEQUENTIAL = { inFlight: 1, calls: 1500, warmUp: 300 };
const PARALLEL = { inFlight: 32, calls: 8000, warmUp: 1500 };

/** One target's medians over all rounds. */
export interface Speed {
  /** One call after the other, over one connection. */
  readonly sequential: Measured;
  /** 32 calls in flight. */
  readonly parallel: Measured;
}
export type Speeds = Readonly<Record<TargetName, Speed>>;

/** Measures all targets in turn, as often as there are rounds: what disturbs the machine meanwhile disturbs all alike. */
export async function measureSpeed(rounds: number): Promise<Speeds> {
  await using held = new AsyncDisposableStack();
  const targets = await startTargets(held.use(await Manager.start()), held);
  const found = new Map(TARGETS.map((name) => [name, { sequential: [], parallel: [] } as Samples]));
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) {
      const samples = found.get(target.name) as Samples;
      const [first] = target.conversations;
      if (first) samples.sequential.push(await measure({ ...SEQUENTIAL, ...target, conversations: [first] }));
      samples.parallel.push(await measure({ ...PARALLEL, ...target }));
    }
  }
  const speeds = [...found].map(([name, { sequential, parallel }]) => [
    name,
    { sequential: medians(sequential), parallel: medians(parallel) },
  ]);
  return Object.fromEntries(speeds) as Speeds;
}

interface Samples {
  readonly sequential: Measured[];
  readonly parallel: Measured[];
}

function medians(samples: readonly Measured[]): Measured {
  const of = (key: keyof Measured) => median(samples.map((sample) => sample[key]));
  return {
    p50: of('p50'),
    p99: of('p99'),
    callsPerSecond: of('callsPerSecond'),
    ownCpuMs: of('ownCpuMs'),
    treeCpuMs: of('treeCpuMs'),
  };
}
