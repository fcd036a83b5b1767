import { setTimeout as delay } from 'node:timers/promises';
import type { Carrier } from './clients.ts';
import { docker } from './docker.ts';
import { restartEngine, whyEngineStays } from './engine.ts';
import type { Place } from './place.ts';
import type { Stack } from './stack.ts';
import type { Terminal } from './terminal.ts';

/** What a fault is done to. */
export interface Scene<P extends Place = Stack> {
  readonly stack: P;
  readonly terminals: readonly Terminal[];
}

export interface Fault<P extends Place = Stack> {
  readonly name: string;
  /** Also in the short form. */
  readonly short?: boolean;
  /** What a client may be told; nothing, if this is absent. */
  readonly mayFail?: RegExp;
  /** It cuts connections of clients: what that costs a kind of client is allowed besides (clients.ts, `CUT_OFF`). */
  readonly cuts?: Carrier;
  /** Why it cannot be done here. */
  readonly unable?: (scene: Scene<P>) => Promise<string | undefined>;
  /** Resolves when it is over, as far as whoever does it is concerned. */
  readonly inject: (scene: Scene<P>) => Promise<void>;
}

const GATEWAY = /^node .*main\.js gateway/;
const CONTROLLER = /^node .*main\.js controller/;
const HOST = /^\S*node .*host\.sock/;
const CHILD = /faults\/server\.js/;
const PROXY = /haproxy/;
const REDIS = /redis-server/;

/** Of a call that met a gateway which had not seen its session yet, while all of them became unready, one after the other. */
const STORE_OUT = /Redis cannot be used/;
/** Of a call whose server died under it. */
const UNKNOWN = /whether the call took effect is unknown/;
/** Of a call whose connection broke, which no gateway can mend: what the client's own HTTP says. */
const BROKEN = /fetch failed|terminated|other side closed|Connection (closed|reset)/i;

/** Of a call that waited in vain for its server. */
const STARTING = /is not ready yet/;

/** Of a call whose stream the client has come back to twice, in vain. */
const GAVE_UP = /Request timed out/;

/** As in compose.yaml. */
const GRACE_S = 40;
const OUTAGE_MS = 30_000;
const CUT_MS = 15_000;
/** Longer than the balancer waits for an answer. */
const STOPPED_MS = 40_000;
const SKEW_MS = 60_000;
const SKEWED_FOR_MS = 20_000;
/** How many sessions a fault in an instance is done to. */
const VICTIMS = 5;

/** The faults of the issue, in their order; the engine's restart last, since it is the end of all containers. */
export const FAULTS: readonly Fault[] = [
  ...[1, 2, 3].map((number) => ({
    name: `SIGKILL of gateway ${number}`,
    short: number === 1,
    cuts: 'gateway' as const,
    inject: async ({ stack }: Scene) => stack.signal(await replica(stack, 'gateway', number), GATEWAY, 'SIGKILL'),
  })),
  {
    name: 'rolling restart of all gateways',
    inject: async ({ stack }) => {
      for (const gateway of await stack.replicas('gateway')) {
        await docker(['restart', '--time', String(GRACE_S), gateway], { deadlineMs: 2000 * GRACE_S });
        await stack.whole();
      }
    },
  },
  {
    name: 'SIGKILL of the controller',
    short: true,
    inject: async ({ stack }) => stack.signal(await replica(stack, 'controller'), CONTROLLER, 'SIGKILL'),
  },
  {
    name: 'SIGKILL of HAProxy',
    mayFail: BROKEN,
    cuts: 'balancer',
    inject: async ({ stack }) => stack.signal(await replica(stack, 'haproxy'), PROXY, 'SIGKILL'),
  },
  {
    name: 'SIGKILL of Redis',
    short: true,
    mayFail: STORE_OUT,
    inject: async ({ stack }) => stack.signal(await replica(stack, 'redis'), REDIS, 'SIGKILL'),
  },
  {
    name: `Redis stopped for ${OUTAGE_MS / 1000} s`,
    mayFail: STORE_OUT,
    inject: async ({ stack }) => {
      await stack.compose(['stop', 'redis']);
      await delay(OUTAGE_MS);
      await stack.compose(['start', 'redis']);
    },
  },
  {
    name: 'FLUSHALL',
    short: true,
    inject: async ({ stack }) => {
      await stack.redis('flushall');
    },
  },
  {
    name: `SIGKILL of ${VICTIMS} hosts`,
    short: true,
    mayFail: UNKNOWN,
    inject: (scene) => toInstances(scene, (stack, instance) => stack.signal(instance, HOST, 'SIGKILL')),
  },
  {
    name: `SIGKILL of ${VICTIMS} stdio children`,
    mayFail: UNKNOWN,
    inject: killChildren,
  },
  {
    name: `docker kill of ${VICTIMS} containers`,
    mayFail: UNKNOWN,
    inject: (scene) => toInstances(scene, async (_, instance) => void (await docker(['kill', instance]))),
  },
  {
    name: `out of memory in ${VICTIMS} containers`,
    mayFail: UNKNOWN,
    inject: async ({ terminals }) => {
      for (const terminal of victims(terminals)) terminal.eat();
      await delay(2000); // until there is none left
    },
  },
  {
    name: `gateway 2 cut off from Redis for ${CUT_MS / 1000} s`,
    inject: ({ stack }) => cutOff(stack, 'gateway', 2),
  },
  {
    name: `the controller cut off from Redis for ${CUT_MS / 1000} s`,
    inject: ({ stack }) => cutOff(stack, 'controller', 1),
  },
  {
    name: `gateway 3 stopped (SIGSTOP) for ${STOPPED_MS / 1000} s`,
    cuts: 'gateway',
    inject: ({ stack }) => hang(stack, 3, STOPPED_MS),
  },
  {
    name: `clocks of gateways 1 and 2 set ${SKEW_MS / 1000} s wrong, forwards and back`,
    inject: async ({ stack }) => {
      const skew = async (number: number, ms: number) =>
        docker(['exec', await replica(stack, 'gateway', number), 'sh', '-c', `echo ${ms} >/tmp/clock-offset`]);
      await Promise.all([skew(1, SKEW_MS), skew(2, -SKEW_MS)]);
      await delay(SKEWED_FOR_MS);
      await Promise.all([skew(1, 0), skew(2, 0)]);
    },
  },
  {
    name: 'Docker Engine restarted',
    mayFail: new RegExp([BROKEN, UNKNOWN, STORE_OUT, STARTING, GAVE_UP].map(({ source }) => source).join('|'), 'i'),
    unable: ({ stack }) => whyEngineStays(stack.name),
    inject: () => restartEngine(),
  },
];

/** The process of each victim's server; its host starts another one. */
export function killChildren(scene: Scene): Promise<void> {
  return toInstances(scene, (stack, instance) => stack.signal(instance, CHILD, 'SIGKILL'));
}

/** A gateway that stands still, and goes on. */
export async function hang(stack: Stack, number: number, ms: number): Promise<void> {
  const gateway = await replica(stack, 'gateway', number);
  await stack.signal(gateway, GATEWAY, 'SIGSTOP');
  await delay(ms);
  await stack.signal(gateway, GATEWAY, 'SIGCONT');
}

export async function replica(stack: Stack, service: string, number = 1): Promise<string> {
  const container = (await stack.replicas(service))[number - 1];
  if (!container) throw new Error(`there is no ${service} ${number}`);
  return container;
}

/** Every so many of them, so that both versions of the client are among them. */
function victims(terminals: readonly Terminal[]): Terminal[] {
  const every = Math.max(1, Math.floor(terminals.length / VICTIMS));
  return terminals.filter((_, index) => index % every === 0).slice(0, VICTIMS);
}

async function toInstances(
  { stack, terminals }: Scene,
  harm: (stack: Stack, instance: string) => Promise<void>,
): Promise<void> {
  for (const { session } of victims(terminals)) {
    const [instance] = await stack.instances(session);
    if (!instance) throw new Error(`session ${session} has no container`);
    await harm(stack, instance);
  }
}

async function cutOff(stack: Stack, service: string, number: number): Promise<void> {
  const container = await replica(stack, service, number);
  const network = `${stack.name}_store`;
  await docker(['network', 'disconnect', network, container]);
  await delay(CUT_MS);
  await docker(['network', 'connect', network, container]);
}
