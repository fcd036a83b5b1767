import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Controller } from '../controller/controller.ts';
import { openProcessTable } from '../os/process-table.ts';
import { ProcessRuntime } from '../runtime/process/process-runtime.ts';
import type { Parts } from './parts.ts';

/** How long a host may take until it has its assignment, milliseconds. */
const START_MS = 15_000;
/** How long an instance may take to end by itself, milliseconds. */
const GRACE_MS = 3000;

/**
 * The controller, with processes of this machine as instances.
 * @param hostCommand program and first arguments of a host
 */
export function controlPlane(parts: Parts, hostCommand: readonly string[]): Controller {
  const { config, clock, log } = parts;
  const table = openProcessTable();
  // Hosts have no state directory; Node itself obeys this variable.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(config.state, 'compile-cache') };
  const runtime = new ProcessRuntime({ root: config.runtimeRoot, hostCommand, table, clock, log, env });
  return new Controller({
    ...parts,
    runtime,
    env: process.env,
    hostLimits: config.hostLimits,
    readTemplate: (path) => readFile(path, 'utf8'),
    forget: (session) => runtime.forget(session),
    hostname: hostname(),
    isTerminalGone: ({ leader }) => leader !== undefined && !table.isAlive(leader),
    intervalMs: config.reconcileMs,
    startMs: START_MS,
    graceMs: GRACE_MS,
  });
}
