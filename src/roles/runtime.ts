import { join } from 'node:path';
import type { Runtime } from '../core/runtime.ts';
import { openProcessTable } from '../os/open-process-table.ts';
import { ProcessRuntime } from '../runtime/process/process-runtime.ts';
import type { Parts } from './parts.ts';

/** A host in a container: docker/Dockerfile puts the program there. */
const HOST_IN_IMAGE = ['node', '/app/dist/main.js', 'host'];

/**
 * The runtime that the configuration names.
 * @param hostCommand program and first arguments of a host on this machine
 */
export async function openRuntime(parts: Parts, hostCommand: readonly string[]): Promise<Runtime> {
  const { config, clock, log, catalogue } = parts;
  if (config.runtime === 'docker') {
    // Its client takes longer to load than all the rest.
    const { DockerRuntime } = await import('../runtime/docker/docker-runtime.ts');
    const egressSocket = config.egress.socket;
    return new DockerRuntime({ ...config.docker, hostCommand: HOST_IN_IMAGE, egressSocket, catalogue, clock, log });
  }
  // Hosts have no state directory; Node itself obeys this variable.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(config.state, 'compile-cache') };
  return new ProcessRuntime({ root: config.runtimeRoot, hostCommand, table: openProcessTable(), clock, log, env });
}
