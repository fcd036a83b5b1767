import {
  type Census,
  type ControllerMeter,
  type HostTotals,
  INSTANCE_STATES,
  OTHER_SERVER,
  type PassFailure,
  type StartOutcome,
} from '../../core/controller-meter.ts';
import type { Metrics } from './metrics.ts';

const NO_CENSUS: Census = {
  sessions: 0,
  servers: new Map(),
  orphans: { found: 0, removed: 0, standing: 0 },
  waiting: 0,
  running: 0,
};

/** The controller's part of the metrics of a process. */
export class PromControllerMeter implements ControllerMeter {
  readonly #metrics: Metrics;
  readonly #servers: readonly string[];

  /** @param servers names of the catalogue's entries */
  constructor(metrics: Metrics, servers: Iterable<string>) {
    this.#metrics = metrics;
    this.#servers = [...servers, OTHER_SERVER];
  }

  inCharge(epoch: number, limits: { readonly instances: number; readonly queue: number }): void {
    this.#lead(1, epoch, limits);
  }

  resigned(): void {
    this.#lead(0, 0, { instances: 0, queue: 0 });
    this.#metrics.gauge('mcp_controller_last_reconcile_timestamp_seconds').set(0);
    this.#show(NO_CENSUS);
    this.surveyed(new Map());
  }

  passed(census: Census, ms: number, now: number): void {
    const metrics = this.#metrics;
    metrics.histogram('mcp_controller_reconcile_duration_seconds').observe(ms / 1000);
    metrics.gauge('mcp_controller_last_reconcile_timestamp_seconds').set(now / 1000);
    metrics.counter('mcp_orphans_found_total').inc(census.orphans.found);
    metrics.counter('mcp_orphans_removed_total').inc(census.orphans.removed);
    this.#show(census);
  }

  passFailed(reason: PassFailure): void {
    this.#metrics.counter('mcp_controller_reconcile_errors_total', { reason }).inc();
  }

  started(server: string, outcome: StartOutcome, ms?: number): void {
    this.#metrics.counter('mcp_instance_starts_total', { server, outcome }).inc();
    if (ms !== undefined)
      this.#metrics.histogram('mcp_instance_start_duration_seconds', { server }).observe(Math.max(0, ms) / 1000);
  }

  ended(server: string): void {
    this.#metrics.counter('mcp_instance_restarts_total', { server }).inc();
  }

  turnedAway(): void {
    this.#metrics.counter('mcp_instance_queue_rejected_total').inc();
  }

  lacked(reason: string): void {
    this.#metrics.counter('mcp_runtime_unavailable_total', { reason }).inc();
  }

  surveyed(servers: ReadonlyMap<string, HostTotals>): void {
    const metrics = this.#metrics;
    for (const server of this.#servers) {
      const { certificateExpiresAt, ...totals } = servers.get(server) ?? NO_HOSTS;
      metrics.gauge('mcp_host_channels', { server }).set(totals.channels);
      metrics.gauge('mcp_host_log_bytes', { server }).set(totals.logBytes);
      metrics.gauge('mcp_host_circuits_open', { server }).set(totals.circuitsOpen);
      metrics.gauge('mcp_host_memory_bytes', { server }).set(totals.memoryBytes);
      metrics.gauge('mcp_host_memory_max_bytes', { server }).set(totals.memoryMaxBytes);
      metrics.counter('mcp_host_scrapes_failed_total', { server }).inc(totals.unanswered);
      metrics.counter('mcp_host_child_exits_total', { server }).inc(totals.childExits);
      metrics.counter('mcp_host_replays_total', { server }).inc(totals.replays);
      metrics.counter('mcp_host_cpu_seconds_total', { server }).inc(totals.cpuSeconds);
      if (certificateExpiresAt === undefined) metrics.remove('mcp_certificate_expiry_timestamp_seconds', { server });
      else metrics.gauge('mcp_certificate_expiry_timestamp_seconds', { server }).set(certificateExpiresAt / 1000);
    }
  }

  #lead(held: 0 | 1, epoch: number, limits: { readonly instances: number; readonly queue: number }): void {
    this.#metrics.gauge('mcp_controller_lease_held').set(held);
    this.#metrics.gauge('mcp_controller_epoch').set(epoch);
    this.#metrics.gauge('mcp_instance_capacity').set(limits.instances);
    this.#metrics.gauge('mcp_instance_queue_limit').set(limits.queue);
  }

  #show({ sessions, servers, orphans, waiting, running }: Census): void {
    const metrics = this.#metrics;
    metrics.gauge('mcp_controller_sessions').set(sessions);
    metrics.gauge('mcp_orphans').set(orphans.standing);
    metrics.gauge('mcp_instance_queue').set(waiting);
    metrics.gauge('mcp_instance_running').set(running);
    for (const server of this.#servers) {
      const found = servers.get(server);
      for (const state of INSTANCE_STATES)
        metrics.gauge('mcp_instances', { server, state }).set(found?.states[state] ?? 0);
      metrics.gauge('mcp_instance_circuits_open', { server }).set(found?.circuitsOpen ?? 0);
    }
  }
}

const NO_HOSTS: HostTotals = {
  channels: 0,
  logBytes: 0,
  circuitsOpen: 0,
  memoryBytes: 0,
  memoryMaxBytes: 0,
  unanswered: 0,
  childExits: 0,
  replays: 0,
  cpuSeconds: 0,
};
