import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { Controller } from '../controller/controller.ts';
import { RecordMemory } from '../controller/record-memory.ts';
import type { Lease } from '../core/lease.ts';
import { openProcessTable } from '../os/open-process-table.ts';
import { RecordSeal } from '../sessions/record-seal.ts';
import { PromControllerMeter } from '../telemetry/metrics/controller-meter.ts';
import type { Parts } from './parts.ts';
import { openRuntime } from './runtime.ts';

/** How long a host may take until it has its assignment, milliseconds: a Pod may need its image, and a node for itself. */
const START_MS = { process: 15_000, docker: 15_000, kubernetes: 90_000 };
/** How long an instance may take to end by itself, milliseconds. */
const GRACE_MS = 3000;

/**
 * The controller, with the runtime that the configuration names.
 * @param hostCommand program and first arguments of a host on this machine
 * @param memory what the last controller of this process saw
 */
export async function controlPlane(
  parts: Parts,
  lease: Lease,
  hostCommand: readonly string[],
  memory = new RecordMemory(),
): Promise<Controller> {
  const { config, metrics, catalogue } = parts;
  const { idleMs, inAll, perOwner, queue, startsAtOnce } = config.instances;
  const table = openProcessTable();
  const runtime = await openRuntime(parts, hostCommand, lease.lost);
  return new Controller({
    ...parts,
    lease,
    runtime,
    records: new RecordSeal(parts.deployment.key),
    env: process.env,
    hostLimits: config.hostLimits,
    readTemplate: (path) => readFile(path, 'utf8'),
    hostname: hostname(),
    isTerminalGone: ({ leader }) => leader !== undefined && !table.isAlive(leader),
    intervalMs: config.reconcileMs,
    meter: new PromControllerMeter(metrics, catalogue.keys()),
    surveyMs: config.metrics.surveyMs,
    startsAtOnce,
    startMs: START_MS[runtime.kind],
    graceMs: GRACE_MS,
    idleMs,
    memory,
    admission: { instances: inAll, perOwner, queue },
  });
}
