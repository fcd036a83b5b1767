import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig, RbacAuthorizationV1Api, type V1PersistentVolume } from '@kubernetes/client-node';
import { eventually } from './eventually.ts';
import { CONTROLLER_RULES } from './kubernetes-role.ts';

/** User of instances, and the group that they share with the controller. */
export const INSTANCE_USER = 1000;
export const STATE_GROUP = 10_001;
const STATE = 'state';
const WORKSPACES = 'workspaces';
const ACCOUNT = 'controller';
const HOUR_S = 3600;

/** A namespace for instances, as the manifests make it: restricted Pods, and an account with the controller's Role. */
export interface KubernetesNamespace extends AsyncDisposable {
  readonly name: string;
  /** The administrator's. */
  readonly core: CoreV1Api;
  /** Of the controller's account. */
  readonly kubeConfig: string;
  /** Writes a kubeconfig for another account or cluster; returns its path. */
  variant(make: (config: KubeConfig) => void): Promise<string>;
  /** Claims, and the directories of this machine that are behind them. */
  readonly state: { readonly claim: string; readonly directory: string };
  readonly workspaces: { readonly claim: string; readonly directory: string };
}

/** Makes a namespace of its own in the cluster that KUBECONFIG names. */
export async function openKubernetesNamespace(): Promise<KubernetesNamespace> {
  const [here = '', there = ''] = (process.env.CLUSTER_SHARED ?? '').split(':');
  const name = `k8s-test-${randomBytes(4).toString('hex')}`;
  const directory = join(here, name);
  const admin = new KubeConfig();
  admin.loadFromDefault();
  const core = admin.makeApiClient(CoreV1Api);
  await core.createNamespace({
    body: { metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } },
  });
  await mkdir(directory);
  const claim = async (what: string, user: number) => {
    await mkdir(join(directory, what));
    await chown(join(directory, what), user, user);
    await core.createPersistentVolume({ body: volumeOf(name, what, join(there, name, what)) });
    const spec = { accessModes: ['ReadWriteMany'], storageClassName: '', volumeName: `${name}-${what}` };
    const resources = { requests: { storage: '1Gi' } };
    await core.createNamespacedPersistentVolumeClaim({
      namespace: name,
      body: { metadata: { name: what }, spec: { ...spec, resources } },
    });
    return { claim: what, directory: join(directory, what) };
  };
  const account = (of: string) => core.readNamespacedServiceAccount({ name: of, namespace: name });
  await eventually('the namespace has its service account', () => account('default'));
  const kubeConfig = join(directory, 'kubeconfig');
  await writeFile(kubeConfig, await controllerConfig(admin, core, name), { mode: 0o600 });
  await chmod(directory, 0o755);
  return {
    name,
    core,
    kubeConfig,
    variant: async (make) => {
      const config = new KubeConfig();
      make(config);
      const file = `${kubeConfig}-${randomBytes(4).toString('hex')}`;
      await writeFile(file, config.exportConfig(), { mode: 0o600 });
      return file;
    },
    state: await claim(STATE, 0),
    workspaces: await claim(WORKSPACES, INSTANCE_USER),
    [Symbol.asyncDispose]: async () => {
      await core.deleteNamespace({ name });
      for (const what of [STATE, WORKSPACES]) await core.deletePersistentVolume({ name: `${name}-${what}` });
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function volumeOf(namespace: string, name: string, path: string): V1PersistentVolume {
  return {
    metadata: { name: `${namespace}-${name}` },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteMany'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: '',
      claimRef: { namespace, name },
      hostPath: { path },
    },
  };
}

/** A kubeconfig for an account that may do what the controller's Role says, and nothing else. */
async function controllerConfig(admin: KubeConfig, core: CoreV1Api, namespace: string): Promise<string> {
  const rbac = admin.makeApiClient(RbacAuthorizationV1Api);
  const metadata = { name: ACCOUNT };
  await core.createNamespacedServiceAccount({ namespace, body: { metadata } });
  await rbac.createNamespacedRole({ namespace, body: { metadata, rules: CONTROLLER_RULES } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: ACCOUNT };
  const subjects = [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }];
  await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } });
  const request = { spec: { audiences: [], expirationSeconds: HOUR_S } };
  const { status } = await core.createNamespacedServiceAccountToken({ name: ACCOUNT, namespace, body: request });
  const config = new KubeConfig();
  const cluster = admin.getCurrentCluster();
  if (!cluster || !status?.token) throw new Error('the cluster gives no token');
  config.loadFromClusterAndUser(cluster, { name: ACCOUNT, token: status.token });
  return config.exportConfig();
}
