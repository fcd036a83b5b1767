import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { V1Pod } from '@kubernetes/client-node';
import { build } from 'esbuild';
import { systemClock } from '../../src/core/clock.ts';
import type { Instance, ResourceUsage } from '../../src/core/runtime.ts';
import { KubernetesRuntime, type KubernetesRuntimeOptions } from '../../src/runtime/kubernetes/kubernetes-runtime.ts';
import { selectorFor } from '../../src/runtime/kubernetes/marks.ts';
import type { RuntimePlace } from '../contract/runtime.ts';
import type { HostBehaviour } from '../fakes/fake-host.ts';
import { podEntryOf } from './catalogue-entry.ts';
import { eventually } from './eventually.ts';
import { INSTANCE_USER, type KubernetesNamespace, STATE_GROUP } from './kubernetes-namespace.ts';
import { clockAtSpeed, silentLog } from './process-place.ts';

/** Any with a Node. */
const IMAGE = 'node:24-bookworm-slim';
const FAKE_HOST = fileURLToPath(new URL('../fakes/fake-host.ts', import.meta.url));
const ROOT = '/workspaces';
/** Kills the host, the one process of its container that Node runs, and no other. */
const KILL = 'for p in /proc/[0-9]*; do case $(readlink $p/exe) in */node) kill -9 ${p#/proc/};; esac; done';
/** What the container's control group has used, of version 2 or 1. */
const USAGE = `cd /sys/fs/cgroup; cat pids.current pids/pids.current 2>/dev/null; cat memory.current memory/memory.usage_in_bytes 2>/dev/null;
  sed -n 's/^usage_usec //p' cpu.stat 2>/dev/null; cat cpuacct/cpuacct.usage 2>/dev/null`;

export interface KubernetesPlace extends RuntimePlace {
  readonly deployment: string;
  runtime(behaviour?: HostBehaviour, options?: Partial<KubernetesRuntimeOptions>): KubernetesRuntime;
  pods(): Promise<V1Pod[]>;
}

/** The tests' own host as one file, so that any image with a Node can run it. */
export async function bundledHost(): Promise<string> {
  const options = { bundle: true, write: false, platform: 'node', format: 'esm', minify: true } as const;
  const { outputFiles } = await build({ ...options, entryPoints: [FAKE_HOST] });
  return gzipSync(outputFiles[0]?.contents ?? '').toString('base64');
}

/** A deployment of its own in a namespace. @param host as `bundledHost` makes it */
export function openKubernetesPlace(namespace: KubernetesNamespace, host: string): KubernetesPlace {
  const deployment = `test-${randomBytes(5).toString('hex')}`;
  const over = new AbortController();
  const { core, name } = namespace;
  const labelSelector = Object.entries(selectorFor(deployment))
    .map((pair) => pair.join('='))
    .join(',');
  const pods = async () => (await core.listNamespacedPod({ namespace: name, labelSelector })).items;
  const runtime: KubernetesPlace['runtime'] = (behaviour = 'good', options = {}) =>
    new KubernetesRuntime({
      kubeConfig: namespace.kubeConfig,
      namespace: name,
      deployment,
      image: IMAGE,
      imagePullSecrets: [],
      // Both into one stream, so that their order is certain.
      hostCommand: [
        'sh',
        '-c',
        `echo ${host} | base64 -d | gzip -d >/tmp/host.mjs; exec node /tmp/host.mjs ${behaviour} "$@" 2>&1`,
        'sh',
      ],
      user: INSTANCE_USER,
      group: STATE_GROUP,
      serviceAccount: 'default',
      priorityClass: '',
      limits: { memoryBytes: 256 << 20, cpus: 1 },
      requests: { memoryBytes: 16 << 20, cpus: 0.01 },
      allowBridge: false,
      workspaces: { claim: namespace.workspaces.claim, root: ROOT },
      stateClaim: namespace.state.claim,
      stateRoot: namespace.state.directory,
      catalogue: new Map(['filesystem', 'proxmox'].map((server) => [server, podEntryOf(server)])),
      secretOf: ({ session }) => `secret of ${session}`,
      usageOf: (instance) => usageOf(name, podOf(instance)),
      // A node takes its time to end a Pod.
      clock: behaviour === 'deaf' ? clockAtSpeed(4) : systemClock,
      log: silentLog,
      random: Math.random,
      over: over.signal,
      ...options,
    });
  return {
    deployment,
    runtime,
    pods,
    workspace: `${ROOT}/project`,
    findsRunaways: true,
    left: async () => (await pods()).map(({ metadata }) => metadata?.name),
    crash: async (instance: Instance) => {
      await inPod(name, podOf(instance), KILL);
      await eventually('the container has ended', async () =>
        (await pods()).find(({ metadata, status }) => metadata?.name === podOf(instance) && status?.phase === 'Failed'),
      );
    },
    [Symbol.asyncDispose]: async () => {
      over.abort();
      for (const { metadata } of await pods())
        await core.deleteNamespacedPod({ namespace: name, name: metadata?.name ?? '', gracePeriodSeconds: 0 });
    },
  };
}

/** The name of an instance's Pod. */
export const podOf = ({ name }: Instance): string => name.split('/')[0] ?? '';

/** What a shell says in an instance's container. */
async function inPod(namespace: string, pod: string, script: string): Promise<string> {
  const args = ['exec', '-n', namespace, pod, '-c', 'host', '--', 'sh', '-c', script];
  const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return said;
}

async function usageOf(namespace: string, pod: string): Promise<ResourceUsage> {
  const [pids = 0, memoryBytes = 0, cpu = 0] = (await inPod(namespace, pod, USAGE)).trim().split('\n').map(Number);
  return { pids, memoryBytes, cpuSeconds: cpu / 1e6 };
}
