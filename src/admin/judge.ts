import type { ReplicaReport } from '../core/operations.ts';
import { counted } from '../core/words.ts';
import type { PhaseCounts } from './server-counts.ts';

/** Why a deployment is not healthy. The codes are stable (docs/admin-api.md). */
export interface Reason {
  readonly code:
    | 'store.unavailable'
    | 'store.refuses'
    | 'controller.absent'
    | 'gateway.absent'
    | 'replica.trouble'
    | 'servers.failing'
    | 'circuits.open'
    | 'capacity.full'
    | 'capacity.waiting'
    | 'draining';
  /** For everybody: no names, no addresses. */
  readonly text: string;
  /** For operators. */
  readonly detail?: string;
  /** Nothing can be served. */
  readonly fatal?: true;
}

export type ServerCounts = PhaseCounts & {
  /** Of those that are ready: their host says that they cannot be used, or does not answer. */
  readonly open: number;
};

export interface Evidence {
  /** What keeps the store from answering. */
  readonly outage: string | undefined;
  readonly replicas: readonly ReplicaReport[];
  readonly servers: ServerCounts;
  readonly capacity: number;
  readonly here: { readonly draining: boolean; readonly sessions: number };
}

/** What is wrong, worst first. */
export function judge(evidence: Evidence): Reason[] {
  const reasons = evidence.outage === undefined ? ofStore(evidence) : ofOutage(evidence, evidence.outage);
  return reasons.sort((a, b) => Number(b.fatal ?? false) - Number(a.fatal ?? false));
}

/** Without a store there is only what this replica knows: the sessions that it serves go on. */
function ofOutage({ here }: Evidence, outage: string): Reason[] {
  const text = 'The store is out of reach: no session can be opened or changed';
  const served = here.sessions > 0 && !here.draining;
  return [{ code: 'store.unavailable', text, detail: outage, ...(served ? {} : { fatal: true }) }];
}

function ofStore({ replicas, servers, capacity, here }: Evidence): Reason[] {
  const reasons: Reason[] = [];
  // All that run say so every few seconds: not even this process has.
  if (replicas.length === 0) {
    const text = 'The store takes nothing that is written: no session can be opened, no server is started or stopped';
    reasons.push({ code: 'store.refuses', text });
  } else if (!replicas.some(({ leads }) => leads)) {
    const text = 'No controller is in charge: no server is started or stopped';
    reasons.push({ code: 'controller.absent', text });
  }
  const gateways = replicas.filter(({ role }) => role === 'gateway' || role === 'serve');
  if (here.draining && gateways.every(({ draining }) => draining))
    reasons.push({ code: 'gateway.absent', text: 'No gateway takes new work', fatal: true });
  else if (gateways.some(({ draining }) => draining))
    reasons.push({
      code: 'draining',
      text: 'A gateway is being drained',
      detail: namesOf(gateways.filter((one) => one.draining)),
    });
  for (const replica of replicas)
    for (const trouble of replica.troubles)
      reasons.push({
        code: 'replica.trouble',
        text: `A ${replica.role} has trouble`,
        detail: `${namesOf([replica])}: ${trouble}`,
      });
  return [...reasons, ...ofServers(servers, capacity, isTroubled(replicas))];
}

/** What servers run on is out of reach, or the like. */
const isTroubled = (replicas: readonly ReplicaReport[]): boolean =>
  replicas.some(({ leads, troubles }) => leads && troubles.length > 0);

function ofServers(servers: ServerCounts, capacity: number, troubled: boolean): Reason[] {
  const reasons: Reason[] = [];
  const bad = servers.failed + servers.open;
  // A server that cannot be started is its session's trouble; that none can is the deployment's.
  const fatal = troubled && bad > 0 && servers.ready === servers.open ? { fatal: true as const } : {};
  if (servers.failed > 0)
    reasons.push({ code: 'servers.failing', text: `${counted(servers.failed, 'server')} cannot be started`, ...fatal });
  if (servers.open > 0)
    reasons.push({
      code: 'circuits.open',
      text: counted(
        servers.open,
        'server ends again and again, or does not answer',
        'servers end again and again, or do not answer',
      ),
      ...fatal,
    });
  const running = servers.ready + servers.starting;
  if (servers.waiting > 0)
    reasons.push({
      code: 'capacity.waiting',
      text: counted(servers.waiting, 'server waits for a place to run', 'servers wait for a place to run'),
    });
  else if (running >= capacity)
    reasons.push({
      code: 'capacity.full',
      text: `${counted(running, 'server runs', 'servers run')}, which is the limit`,
    });
  return reasons;
}

const namesOf = (replicas: readonly ReplicaReport[]): string =>
  replicas.map(({ role, machine }) => `${role} ${machine}`).join(', ');
