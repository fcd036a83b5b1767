import type {
  V1Container,
  V1Pod,
  V1PodSpec,
  V1ResourceRequirements,
  V1Secret,
  V1SecurityContext,
  V1Volume,
  V1VolumeMount,
} from '@kubernetes/client-node';
import type { CatalogueEntry } from '../../core/catalogue.ts';
import { AppError } from '../../core/errors.ts';
import type { InstanceSpec } from '../../core/runtime.ts';
import { AUDIT, LEDGER, type Slot } from '../slots.ts';
import { marksFor, selectorFor } from './marks.ts';
import { type WorkspacePolicy, workspaceVolumeOf } from './workspace-volume.ts';

/** The one container of an instance's Pod. */
export const CONTAINER = 'host';
/** The port that its host listens on. */
export const HOST_PORT = 8700;
/** Where things are inside an instance. */
const KEPT = '/run/host';
const CONFIG = '/config';
const LINK = '/run/link';
const LINK_KEY = 'key';
/** Longest time that a Pod may take to end, if nobody says another, seconds. */
const GRACE_S = 10;
/** A node that is not heard of for so long is given up, seconds. */
const LOST_NODE_S = 30;
const MAX_SECONDS = 2 ** 31 - 1;
const MIB = 2 ** 20;

export interface PodPolicy {
  readonly deployment: string;
  readonly namespace: string;
  /** For servers whose entry names none. */
  readonly image: string;
  /** Names of Secrets that open its registry. */
  readonly imagePullSecrets: readonly string[];
  /** Program and first arguments of a host, in the image. */
  readonly hostCommand: readonly string[];
  /** User and group of instances; not root's. */
  readonly user: number;
  /** Group of what instances leave to their successors. */
  readonly group: number;
  readonly serviceAccount: string;
  /** Name of a PriorityClass; empty: the cluster's default. */
  readonly priorityClass: string;
  /** What an instance may use if the catalogue does not say. */
  readonly limits: { readonly memoryBytes: number; readonly cpus: number };
  /** What is set aside for it. */
  readonly requests: { readonly memoryBytes: number; readonly cpus: number };
  /** Whether an entry of the catalogue may ask for a network of its own. */
  readonly allowBridge: boolean;
  readonly workspaces: WorkspacePolicy;
  /** Name of the claim with what instances leave to their successors; empty: they leave nothing. */
  readonly stateClaim: string;
}

/** One instance's own part. */
export interface PodPlace {
  readonly slot: Slot;
  readonly name: string;
  /** Name of the Secret with its link's key. */
  readonly secret: string;
  /** Milliseconds since the epoch. */
  readonly madeAt: number;
}

/**
 * The Pod of an instance, as the Pod security standard `restricted` asks for and stricter: an ordinary user's, with nothing
 * to write to but its workspace and bounded memory. Nothing in it is secret: whoever may list Pods sees it.
 * @param entry absent: the catalogue has no such server, whose defaults apply then
 * @throws AppError `config.invalid` if the entry asks for what there cannot be
 */
export function podOf(
  policy: PodPolicy,
  { labels, workspace }: InstanceSpec,
  entry: CatalogueEntry | undefined,
  place: PodPlace,
): V1Pod {
  const { name, madeAt } = place;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: policy.namespace,
      ...marksFor(policy.deployment, { labels, madeAt }, networkOf(policy, entry)),
    },
    spec: {
      ...confinement(policy),
      activeDeadlineSeconds: Math.min(MAX_SECONDS, Math.max(1, Math.ceil((labels.deadline - madeAt) / 1000))),
      volumes: volumesOf(policy, { labels, workspace }, entry, place),
      containers: [containerOf(policy, { labels, workspace }, entry)],
    },
  };
}

/**
 * The Secret of an instance, which ends with its Pod.
 * @param uid the Pod's
 * @param key of the instance's link (core/link-tls.ts)
 */
export function secretOf({ namespace, deployment }: PodPolicy, place: PodPlace, uid: string, key: Buffer): V1Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: place.secret,
      namespace,
      labels: { 'app.kubernetes.io/name': 'mcp-session-manager', ...selectorFor(deployment) },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: place.name, uid }],
    },
    immutable: true,
    data: { [LINK_KEY]: key.toString('base64') },
  };
}

function networkOf(policy: PodPolicy, entry: CatalogueEntry | undefined): string {
  const network = entry?.network ?? 'none';
  if (network === 'bridge' && !policy.allowBridge)
    throw new AppError(
      'config.invalid',
      `Server "${entry?.name}" asks for a network of its own ("network": "bridge"), which is not allowed here: use "egress", or set allowBridge`,
    );
  return network;
}

function confinement(policy: PodPolicy): Omit<V1PodSpec, 'containers'> {
  const { user, group, serviceAccount, priorityClass, imagePullSecrets } = policy;
  return {
    // The controller restarts.
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: GRACE_S,
    serviceAccountName: serviceAccount,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    // Whoever outlives its parent is ended, and nothing in the container is process 1, which signals do not reach.
    shareProcessNamespace: true,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      supplementalGroups: [group],
      seccompProfile: { type: 'RuntimeDefault' },
    },
    tolerations: ['not-ready', 'unreachable'].map((state) => ({
      key: `node.kubernetes.io/${state}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: LOST_NODE_S,
    })),
    ...(priorityClass === '' ? {} : { priorityClassName: priorityClass }),
    ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
  };
}

const CONFINED: V1SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

function containerOf(
  policy: PodPolicy,
  { labels, workspace }: InstanceSpec,
  entry: CatalogueEntry | undefined,
): V1Container {
  const kept = policy.stateClaim === '' ? [] : ['--ledger', `${KEPT}/${LEDGER}`, '--audit', `${KEPT}/${AUDIT}`];
  return {
    name: CONTAINER,
    image: entry?.image ?? policy.image,
    imagePullPolicy: 'IfNotPresent',
    command: [...policy.hostCommand],
    args: [
      ...['--port', String(HOST_PORT), '--link-key', `${LINK}/${LINK_KEY}`, '--config-dir', CONFIG],
      ...kept,
      ...['--labels', JSON.stringify(labels)],
    ],
    workingDir: '/',
    env: [
      { name: 'HOME', value: '/tmp' },
      { name: 'MCP_SESSION_ID', value: labels.session },
      { name: 'MCP_CONFIG_DIR', value: CONFIG },
    ],
    ports: [{ name: 'link', containerPort: HOST_PORT }],
    resources: resourcesOf(policy, entry),
    securityContext: CONFINED,
    volumeMounts: mountsOf(policy, { labels, workspace }, entry),
  };
}

function resourcesOf({ limits, requests }: PodPolicy, entry: CatalogueEntry | undefined): V1ResourceRequirements {
  const { memoryMb, cpus = limits.cpus } = entry?.limits ?? {};
  const memoryBytes = memoryMb === undefined ? limits.memoryBytes : memoryMb * MIB;
  const quantities = (memory: number, cpu: number) => ({ memory: String(memory), cpu: `${Math.round(cpu * 1000)}m` });
  return {
    limits: quantities(memoryBytes, cpus),
    requests: quantities(Math.min(requests.memoryBytes, memoryBytes), Math.min(requests.cpus, cpus)),
  };
}

const memory = (name: string, sizeLimit: string): V1Volume => ({ name, emptyDir: { medium: 'Memory', sizeLimit } });
const claimed = (name: string, claimName: string): V1Volume => ({ name, persistentVolumeClaim: { claimName } });

function volumesOf(
  policy: PodPolicy,
  { labels, workspace }: InstanceSpec,
  entry: CatalogueEntry | undefined,
  { secret }: PodPlace,
): V1Volume[] {
  if (entry?.mounts?.length)
    throw new AppError(
      'config.invalid',
      `Server "${entry.name}" has "mounts", directories of a machine, which a Pod is not given: put what it needs into an "image" of its own`,
    );
  const volumes = [
    memory('tmp', '64Mi'),
    memory('config', '32Mi'),
    { name: 'link', secret: { secretName: secret, defaultMode: 0o444 } },
  ];
  if (policy.stateClaim !== '') volumes.push(claimed('state', policy.stateClaim));
  if (entry?.workspace !== false)
    volumes.push(claimed('workspace', workspaceVolumeOf(policy.workspaces, workspace, labels.owner).claim));
  return volumes;
}

function mountsOf(
  policy: PodPolicy,
  { labels, workspace }: InstanceSpec,
  entry: CatalogueEntry | undefined,
): V1VolumeMount[] {
  const mounts: V1VolumeMount[] = [
    { name: 'tmp', mountPath: '/tmp' },
    { name: 'config', mountPath: CONFIG },
    { name: 'link', mountPath: LINK, readOnly: true },
  ];
  if (policy.stateClaim !== '')
    mounts.push({ name: 'state', mountPath: KEPT, subPath: `${policy.deployment}/${labels.session}/${labels.server}` });
  if (entry?.workspace === false) return mounts;
  const { subPath } = workspaceVolumeOf(policy.workspaces, workspace, labels.owner);
  mounts.push({ name: 'workspace', mountPath: workspace, ...(subPath === undefined ? {} : { subPath }) });
  return mounts;
}
