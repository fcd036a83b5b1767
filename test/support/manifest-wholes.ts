import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll } from 'vitest';
import type { InstanceLabels } from '../../src/core/runtime.ts';
import { marksFor } from '../../src/runtime/kubernetes/marks.ts';
import { HOST_PORT } from '../../src/runtime/kubernetes/pod-spec.ts';
import { containerOf, K8S, type Manifest, ofKind, type PodMaker, podMakers, render, renderWith } from './manifests.ts';
import { requires } from './requires.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The namespaces. */
export const SESSIONS = 'mcp-sessions';
export const MANAGER = 'mcp-session-manager';

/** Whatever may be put together. */
const WHOLES = {
  dev: () => render(join(K8S, 'overlays/dev')),
  production: () => render(join(K8S, 'overlays/production')),
  'the base with Redis and the Gateway API': () => renderWith('redis', 'gateway-api'),
} as const;

export interface Whole {
  readonly name: keyof typeof WHOLES;
  readonly manifests: readonly Manifest[];
  readonly pods: readonly PodMaker[];
}

/** A file of the repository. */
export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** A suite for each overlay, or for those that are named; `whole` may be called in tests. */
export function ofEachWhole(title: string, suite: (whole: () => Whole) => void, names = Object.keys(WHOLES)): void {
  for (const name of names as Whole['name'][])
    requires('kustomize')(`the manifests (${name}): ${title}`, () => {
      let made: Whole;
      beforeAll(() => {
        const manifests = WHOLES[name]();
        made = { name, manifests, pods: podMakers(manifests) };
      });
      suite(() => made);
    });
}

/** Labels of an instance's Pod, as the runtime makes them of one that reaches out. */
function instanceLabels(): Record<string, string> {
  const labels = { session: `s-${randomUUID()}`, server: 'proxmox', owner: 'owner' } as unknown as InstanceLabels;
  return marksFor('any', { labels, madeAt: 0 }, 'egress').labels;
}

/** Ports of Pods: name -> number. */
export const portsOf = (pod: PodMaker): Record<string, number> =>
  Object.fromEntries((containerOf(pod).ports ?? []).map(({ name = '', containerPort }) => [name, containerPort]));

/** All Pods that there can be in a namespace. */
export function podsIn({ pods }: Whole, namespace: string | undefined) {
  const made = pods.filter((pod) => pod.namespace === namespace);
  const all = made.map((pod) => ({ name: pod.name, labels: pod.labels, ports: portsOf(pod) }));
  const instance = { name: 'instance', labels: instanceLabels(), ports: { link: HOST_PORT } };
  return namespace === SESSIONS ? [...all, instance] : all;
}

/** The environment of a Pod, as its container gets it; what comes from a Secret is `secret`. */
export function environmentOf({ manifests }: Whole, pod: PodMaker, secret = 'redis://redis:6379') {
  const { envFrom = [], env = [] } = containerOf(pod);
  const maps = envFrom.map(({ configMapRef }) =>
    ofKind(manifests, 'ConfigMap').find(({ metadata }) => metadata.name === configMapRef?.name),
  );
  const own = env.map(({ name, value, valueFrom }) => [name, valueFrom?.secretKeyRef ? secret : value]);
  const entries = [...maps.flatMap((map) => Object.entries(map?.data ?? {})), ...own];
  return Object.fromEntries(entries) as Record<string, string>;
}

export function podOf({ pods }: Whole, name: string): PodMaker {
  const pod = pods.find((one) => one.name === name);
  if (!pod) throw new Error(`nothing makes Pods named ${name}`);
  return pod;
}

/** Whether there is an object of this kind and name in the namespace, or in none. */
export function has({ manifests }: Whole, kind: string, name: string | undefined, namespace: string): boolean {
  return ofKind(manifests, kind).some(
    ({ metadata }) => metadata.name === name && (metadata.namespace ?? namespace) === namespace,
  );
}
