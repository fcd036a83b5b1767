import { setTimeout as delay } from 'node:timers/promises';
import type { Fired } from './alert-watch.ts';
import { CLIENTS } from './clients.ts';
import { docker } from './docker.ts';
import { FAULTS, type Fault, hang, killChildren, replica } from './faults.ts';

/** A fault with the alerts that it must raise, and no page besides. */
export interface Alarm {
  readonly fault: Fault;
  /** What should fire; nothing: it is over before anybody need know. */
  readonly raises: readonly string[];
  /** What may fire besides, page or not. */
  readonly mayRaise?: readonly string[];
}

/** More than five minutes, by the clock of the alerts (alert-watch.ts). */
const LONG_MS = 100_000;
const MINUTE_MS = 60_000;
/** While nobody serves them clients are told anything. */
const ANYTHING = /./;
/** As in compose.yaml. */
const REDIS_MEMORY = '256mb';
const GUESSES = 25;
const CRASHES = 6;
const BETWEEN_CRASHES_MS = 5000;
/** What goes with a replica that is away for long. */
const ONE_LESS = ['McpReplicaMissing', 'McpTargetMissing', 'McpBalancerBackendDown', 'McpMetricsAbsent'];

/** Each fault of a live deployment that an alert is for and that can be done to it, and those that must wake nobody. */
export const ALARMS: readonly Alarm[] = [
  ...[
    'SIGKILL of gateway 1',
    'rolling restart',
    'SIGKILL of the controller',
    'SIGKILL of HAProxy',
    'SIGKILL of Redis',
    'FLUSHALL',
  ].map((name): Alarm => ({ fault: known(name), raises: [] })),
  { fault: known('docker kill of'), raises: [], mayRaise: ['McpInstanceCrashLoop'] },
  away('gateway', [1], LONG_MS, { raises: ['McpReplicaMissing'], mayRaise: ONE_LESS }),
  {
    fault: {
      name: `gateway 2 stopped (SIGSTOP) for ${LONG_MS / 1000} s`,
      mayFail: ANYTHING,
      inject: ({ stack }) => hang(stack, 2, LONG_MS),
    },
    raises: ['McpReplicaMissing', 'McpTargetMissing', 'McpBalancerBackendDown'],
    mayRaise: ONE_LESS,
  },
  away('gateway', [1, 2, 3], MINUTE_MS, { raises: ['McpNoReplicaReady'], mayRaise: ONE_LESS }),
  away('controller', [1], MINUTE_MS, { raises: ['McpNoControllerLease'], mayRaise: ONE_LESS }),
  away('egress', [1], LONG_MS, { raises: ['McpReplicaMissing'], mayRaise: ONE_LESS }),
  away('haproxy', [1], MINUTE_MS, { raises: ['McpBalancerDown'], mayRaise: ONE_LESS }),
  away('redis', [1], MINUTE_MS, { raises: ['McpRedisDown'], mayRaise: ONE_LESS }),
  {
    fault: {
      name: `Redis full for ${MINUTE_MS / 1000} s`,
      mayFail: ANYTHING,
      inject: async ({ stack }) => {
        await stack.redis('config set maxmemory 1mb');
        await delay(MINUTE_MS);
        await stack.redis(`config set maxmemory ${REDIS_MEMORY}`);
      },
    },
    raises: ['McpRedisMemoryFull'],
  },
  {
    fault: {
      name: `stdio children killed ${CRASHES} times`,
      mayFail: ANYTHING,
      inject: async (scene) => {
        for (let n = 0; n < CRASHES; n++) {
          await killChildren(scene);
          await delay(BETWEEN_CRASHES_MS);
        }
      },
    },
    raises: ['McpInstanceCrashLoop'],
    mayRaise: ['McpCircuitOpen', 'McpAvailabilityBurnFast', 'McpAvailabilityBurnSlow'],
  },
  {
    fault: {
      name: `${GUESSES} logins with a wrong password`,
      inject: async ({ stack }) => {
        for (let n = 0; n < GUESSES; n++) await stack.login(`nobody-${n}`, 'guess');
      },
    },
    raises: ['McpLoginFailures'],
  },
  {
    fault: {
      name: 'a session deleted from Redis behind everybody',
      inject: async ({ stack }) => {
        const { session, token } = await stack.open('deleted');
        await stack.redis(`del 'mcp:{${session.id}}:session'`);
        await CLIENTS.v1(stack.url, token).catch(() => {}); // is told 404
      },
    },
    raises: ['McpSessionLost'],
  },
];

export interface Judged {
  readonly fired: readonly Fired[];
  /** What must not be; empty: all is well. */
  readonly wrong: readonly string[];
}

/** Whether what fired is what should. Tickets besides are told, and wake nobody. */
export function judge({ raises, mayRaise = [] }: Pick<Alarm, 'raises' | 'mayRaise'>, fired: readonly Fired[]): Judged {
  const silent = raises.filter((name) => !fired.some((one) => one.name === name));
  const expected = new Set([...raises, ...mayRaise]);
  const pages = fired.filter(({ name, severity }) => severity === 'page' && !expected.has(name));
  return {
    fired,
    wrong: [...silent.map((name) => `did not fire: ${name}`), ...pages.map(({ name }) => `paged: ${name}`)],
  };
}

export const alarmHead = (): string => '| fault | fired | as it should |\n|---|---|---|';
export function alarmRow(fault: string, { fired, wrong }: Judged): string {
  const names = fired.map(({ name, severity }) => `${name} (${severity})`).join(', ');
  return `| ${fault} | ${names || 'nothing'} | ${wrong.length === 0 ? 'yes' : wrong.join('; ')} |`;
}

/** One of the suite's, which begins with these words. */
function known(words: string): Fault {
  const fault = FAULTS.find(({ name }) => name.startsWith(words));
  if (!fault) throw new Error(`there is no fault "${words}"`);
  return fault;
}

/** Replicas of a service that are stopped by hand, and started again. */
function away(
  service: string,
  numbers: readonly number[],
  ms: number,
  alerts: Required<Pick<Alarm, 'raises' | 'mayRaise'>>,
): Alarm {
  const inject: Fault['inject'] = async ({ stack }) => {
    const containers = await Promise.all(numbers.map((number) => replica(stack, service, number)));
    await docker(['stop', '--time', '1', ...containers]);
    await delay(ms);
    await docker(['start', ...containers]);
  };
  const who = numbers.length === 1 ? `${service} ${numbers[0]}` : `all of ${service}`;
  return { fault: { name: `${who} away for ${ms / 1000} s`, mayFail: ANYTHING, inject }, ...alerts };
}
