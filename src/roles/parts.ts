import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { loadCatalogue } from '../config/catalogue.ts';
import { type Keys, loadKeys } from '../config/keys.ts';
import type { Config } from '../config.ts';
import type { Catalogue } from '../core/catalogue.ts';
import type { HostControl } from '../core/channel.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { HostLogs } from '../core/host-logs.ts';
import { LocalSignals } from '../core/local-signals.ts';
import type { Logger } from '../core/logger.ts';
import type { OperationsStore } from '../core/operations.ts';
import type { Signals } from '../core/signals.ts';
import type { ConnectionStore, SessionStore } from '../core/store.ts';
import type { Traces } from '../core/traces.ts';
import { HttpHostControl } from '../link/http-host-control.ts';
import { EgressGrants } from '../sessions/egress-grants.ts';
import { InstanceKeys } from '../sessions/instance-keys.ts';
import { type Lifecycle, LifecycleLog } from '../sessions/lifecycle.ts';
import { Sealer } from '../sessions/sealer.ts';
import { EmbeddedOperations } from '../store/embedded/operations.ts';
import { EmbeddedStore } from '../store/embedded/store.ts';
import { MeasuredStore } from '../store/measured-store.ts';
import { RedisOperations } from '../store/redis/operations.ts';
import { RedisStore } from '../store/redis/store.ts';
import { PromGatewayMeter } from '../telemetry/metrics/gateway-meter.ts';
import { LoopLateness } from '../telemetry/metrics/loop-lateness.ts';
import { Metrics, type ProcessRole } from '../telemetry/metrics/metrics.ts';
import { PromSessionMeter } from '../telemetry/metrics/session-meter.ts';
import { toolNames } from '../telemetry/metrics/tool-names.ts';
import { programVersion } from './program-version.ts';

type Store = SessionStore & ConnectionStore & AsyncDisposable;

/** What control plane and data plane are made of. */
export interface Parts {
  readonly config: Config;
  readonly deployment: Keys;
  readonly catalogue: Catalogue;
  readonly store: SessionStore & ConnectionStore;
  readonly operations: OperationsStore;
  readonly lifecycle: Lifecycle;
  readonly sealer: Sealer;
  readonly keys: InstanceKeys;
  readonly grants: EgressGrants;
  readonly signals: Signals;
  readonly hosts: HostControl & HostLogs;
  readonly clock: Clock;
  readonly log: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** This program's. */
  readonly version: string;
  readonly metrics: Metrics;
  readonly sessionMeter: PromSessionMeter;
  readonly gatewayMeter: PromGatewayMeter;
  /** Absent: nothing is traced. */
  readonly traces?: Traces;
  /** Called when a file that configures it was read again, and can be used. */
  readonly onReread?: () => void;
}

/**
 * Reads what is in files and opens the store.
 * @param role what this process is
 * @param root the program's own directory: with package.json, config/ and dist/
 * @param held gets what has to be disposed of
 * @throws AppError `config.invalid`, `store.unavailable`
 */
export async function assemble(
  role: ProcessRole,
  config: Config,
  { root, log, held }: { readonly root: string; readonly log: Logger; readonly held: AsyncDisposableStack },
): Promise<Parts> {
  const deployment = loadKeys(config.state, config.secrets);
  const catalogue = loadCatalogue(catalogueFiles(config, root));
  const operations = held.use(openOperations(config));
  const lifecycle = held.use(new LifecycleLog({ operations, clock: systemClock, log }));
  const version = programVersion(root);
  const tools = toolNames(catalogue);
  const metrics = new Metrics({ role, version, servers: [...catalogue.keys()], tools: [...new Set(tools.values())] });
  const sessionMeter = new PromSessionMeter(metrics);
  const store = held.use(new MeasuredStore(openStore(config), sessionMeter));
  const traces = role === 'controller' ? undefined : await openTraces(config, version, held);
  return {
    config,
    deployment,
    catalogue,
    store,
    operations,
    lifecycle,
    sealer: new Sealer(deployment.key),
    keys: new InstanceKeys(deployment.key),
    grants: new EgressGrants(deployment.key, systemClock),
    signals: new LocalSignals(),
    hosts: new HttpHostControl(),
    clock: systemClock,
    log,
    random: Math.random,
    version,
    metrics,
    sessionMeter,
    gatewayMeter: new PromGatewayMeter(metrics, tools, held.use(new LoopLateness())),
    ...(traces ? { traces } : {}),
  };
}

/** Loaded where it is wanted: it is more than all the rest of a gateway. */
async function openTraces(
  { traces }: Config,
  version: string,
  held: AsyncDisposableStack,
): Promise<Traces | undefined> {
  if (!traces) return undefined;
  const { OtlpTraces } = await import('../telemetry/traces.ts');
  return held.use(new OtlpTraces({ ...traces, version, instance: hostname() }));
}

/** The shipped catalogue and, laid over it, the user's own, which must be there if the configuration names it. */
export function catalogueFiles({ state, catalogue }: Pick<Config, 'state' | 'catalogue'>, root: string): string[] {
  const own = catalogue ?? join(state, 'catalogue.json');
  const shipped = join(root, 'config', 'catalogue.json');
  return catalogue !== undefined || existsSync(own) ? [shipped, own] : [shipped];
}

function openStore({ store, state }: Config): Store {
  if (store === 'embedded') return new EmbeddedStore({ path: storeFile(state), clock: systemClock });
  return new RedisStore({ url: store, clock: systemClock });
}

function openOperations({ store, state }: Config): OperationsStore & AsyncDisposable {
  if (store === 'embedded') return new EmbeddedOperations({ path: storeFile(state), clock: systemClock });
  return new RedisOperations({ url: store, clock: systemClock });
}

const storeFile = (state: string): string => join(state, 'store.db');
