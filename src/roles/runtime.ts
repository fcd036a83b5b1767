import { join } from 'node:path';
import type { Instance, InstanceLabels, Runtime } from '../core/runtime.ts';
import { openProcessTable } from '../os/open-process-table.ts';
import { ProcessRuntime } from '../runtime/process/process-runtime.ts';
import type { Parts } from './parts.ts';

/** A host in a container: docker/Dockerfile puts the program there. */
const HOST_IN_IMAGE = ['node', '/app/dist/main.js', 'host'];

/** How long an instance may take to say what it uses, milliseconds. */
const USAGE_MS = 2000;

/**
 * The runtime that the configuration names.
 * @param hostCommand program and first arguments of a host on this machine
 * @param over nothing more is asked of it then
 */
export async function openRuntime(parts: Parts, hostCommand: readonly string[], over: AbortSignal): Promise<Runtime> {
  if (parts.config.runtime === 'kubernetes') return openKubernetes(parts, over);
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

async function openKubernetes(parts: Parts, over: AbortSignal): Promise<Runtime> {
  const { config, keys, hosts } = parts;
  const secretOf = ({ session, nonce, server, incarnation }: InstanceLabels) =>
    keys.secretOf({ id: session, nonce }, server, incarnation);
  const usageOf = async ({ endpoint, labels }: Instance) =>
    (await hosts.status(endpoint, secretOf(labels), AbortSignal.timeout(USAGE_MS))).usage;
  // Its client takes longer to load than all the rest.
  const { KubernetesRuntime } = await import('../runtime/kubernetes/kubernetes-runtime.ts');
  return new KubernetesRuntime({ ...parts, ...config.kubernetes, hostCommand: HOST_IN_IMAGE, secretOf, usageOf, over });
}
