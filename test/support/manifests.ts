import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { V1Container, V1LabelSelector, V1PodSpec } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';

const MAX_OUTPUT = 64 * 2 ** 20;

export const K8S = fileURLToPath(new URL('../../k8s', import.meta.url));

/** An object of Kubernetes, as it is written. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: its kind says what is in it
  readonly [field: string]: any;
}

/** Pods that a Deployment or a StatefulSet makes. */
export interface PodMaker {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: V1PodSpec;
}

/** What `kubectl apply -k` would send. @param directory of a kustomization */
export function render(directory: string): Manifest[] {
  const say = (program: string, ...args: string[]) =>
    execFileSync(program, [...args, directory], {
      encoding: 'utf8',
      maxBuffer: MAX_OUTPUT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  let text: string;
  try {
    text = say('kustomize', 'build');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    text = say('kubectl', 'kustomize');
  }
  return parseAllDocuments(text).map((document) => document.toJS());
}

/** The base with these components, as an overlay of its own would have them. */
export function renderWith(...components: readonly string[]): Manifest[] {
  // kustomize takes directories by relative paths alone.
  const place = mkdtempSync(join(tmpdir(), 'kustomize-'));
  try {
    const overlay = join(place, 'overlay');
    mkdirSync(overlay);
    const at = (...path: string[]) => relative(overlay, join(K8S, ...path));
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [at('base')],
      components: components.map((name) => at('components', name)),
    };
    writeFileSync(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization));
    return render(overlay);
  } finally {
    rmSync(place, { recursive: true });
  }
}

export const ofKind = (manifests: readonly Manifest[], ...kinds: readonly string[]): Manifest[] =>
  manifests.filter(({ kind }) => kinds.includes(kind));

export function podMakers(manifests: readonly Manifest[]): PodMaker[] {
  return ofKind(manifests, 'Deployment', 'StatefulSet').map(({ metadata, spec }) => ({
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    labels: spec.template.metadata.labels,
    spec: spec.template.spec,
  }));
}

/** The one container of a Pod that has no other. */
export function containerOf({ name, spec }: PodMaker): V1Container {
  const [container, ...others] = spec.containers;
  if (!container || others.length > 0 || spec.initContainers) throw new Error(`${name} has not one container`);
  return container;
}

/** Whether a selector takes what has these labels. An empty one takes everything. */
export function selects(selector: V1LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [], ...unknown } = selector;
  if (Object.keys(unknown).length > 0) throw new Error(`a selector has ${Object.keys(unknown)}`);
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== 'In') throw new Error(`operator ${operator} is not known here`);
      return values.includes(labels[key] ?? '');
    })
  );
}
