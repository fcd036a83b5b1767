import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Probe } from '@kubernetes/client-node';
import { expect, it } from 'vitest';
import { variableOf } from '../../src/config/settings.ts';
import { loadConfig } from '../../src/config.ts';
import {
  environmentOf,
  has,
  MANAGER,
  ofEachWhole,
  podOf,
  portsOf,
  read,
  SESSIONS,
} from '../support/manifest-wholes.ts';
import { containerOf, ofKind, type PodMaker } from '../support/manifests.ts';

const UID = 1000;

/** Where a program's answers to probes are. */
const PROBED: Readonly<Record<string, string>> = {
  gateway: 'src/gateway/api/probes.ts',
  controller: 'src/roles/controller-probes.ts',
  haproxy: 'docker/haproxy.cfg',
};

/** The Secrets that k8s/make-secrets.sh makes: name -> keys. */
function madeSecrets(): Record<string, string[]> {
  const script = read('k8s/make-secrets.sh').replaceAll('\\\n', ' ');
  const keysIn = (text: string) => [...text.matchAll(/--from-(?:file|literal)=([\w-]+)=/g)].map(([, key]) => key);
  const all = [...script.matchAll(/create secret generic (\S+)(.*)$/gm)];
  return Object.fromEntries(all.map(([, name, rest = '']) => [name, keysIn(rest)]));
}

/** Names of all variables that the program reads. */
function knownVariables(): Set<string> {
  const settings = read('src/config/settings.ts').match(/^ {2}\w+(?=: setting)/gm) ?? [];
  const others = [...read('docs/configuration.md').matchAll(/^\| `(MCP_SESSION_MANAGER_\w+)`/gm)];
  return new Set([
    ...settings.map((name) => variableOf(name.trim() as never)),
    ...others.map(([, name]) => name as string),
  ]);
}

ofEachWhole('Pods', (whole) => {
  it('there is one of each part, and of all that is made no Secret', () => {
    const { manifests, pods } = whole();
    expect(pods.map(({ name }) => name)).toEqual(expect.arrayContaining(['gateway', 'controller', 'haproxy']));
    expect(ofKind(manifests, 'Secret')).toEqual([]);
    const ids = manifests.map(({ kind, metadata }) => [kind, metadata.namespace, metadata.name].join('/'));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('are confined, and say what they need', () => {
    for (const pod of whole().pods) {
      const { securityContext, volumes = [], hostNetwork, hostPID, hostIPC } = pod.spec;
      const container = containerOf(pod);
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(securityContext?.runAsUser, pod.name).toBeGreaterThan(0);
      expect([hostNetwork, hostPID, hostIPC]).toEqual([undefined, undefined, undefined]);
      expect(container.securityContext, pod.name).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      const { requests = {}, limits = {} } = container.resources ?? {};
      for (const amounts of [requests, limits])
        expect(Object.keys(amounts).sort(), pod.name).toEqual(['cpu', 'memory']);
      for (const { name, ...source } of volumes)
        expect(['configMap', 'emptyDir', 'persistentVolumeClaim', 'secret'], name).toContain(Object.keys(source)[0]);
    }
  });

  it('have a certain image, which is never `latest`', () => {
    const { name, pods } = whole();
    for (const pod of pods) {
      const { image = '' } = containerOf(pod);
      if (name === 'production') expect(image).toMatch(/@sha256:/);
      else expect(image).not.toMatch(/:latest$/);
      if (name === 'dev') expect(image).toMatch(/:[\w.-]+$/);
    }
  });

  it('of instances have the image of the controller', () => {
    const pod = podOf(whole(), 'controller');
    expect(environmentOf(whole(), pod).MCP_SESSION_MANAGER_IMAGE).toBe(containerOf(pod).image);
  });

  it('are asked what their programs answer', () => {
    for (const pod of whole().pods) {
      const { startupProbe, readinessProbe, livenessProbe } = containerOf(pod);
      for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
        const { httpGet, tcpSocket, exec } = probe as V1Probe;
        const port = (httpGet ?? tcpSocket)?.port;
        if (!exec) expect(Object.keys(portsOf(pod)), pod.name).toContain(port);
        if (httpGet)
          expect(read(PROBED[pod.name] as string)).toMatch(new RegExp(`'${httpGet.path}'|path ${httpGet.path} }`));
      }
      // Nobody is ended for what the store lacks.
      expect(livenessProbe?.httpGet?.path).not.toBe('/readyz');
    }
  });

  it('have ports where their programs listen', () => {
    for (const role of ['gateway', 'controller']) {
      const pod = podOf(whole(), role);
      const { MCP_SESSION_MANAGER_PORT: http, MCP_SESSION_MANAGER_METRICS_PORT: metrics } = environmentOf(whole(), pod);
      expect(portsOf(pod)).toEqual({ http: Number(http), metrics: Number(metrics) });
    }
    const configuration = read('docker/haproxy.cfg');
    const binds = [...configuration.matchAll(/^ +bind :(\d+)$/gm)].map(([, port]) => Number(port));
    expect(new Set(Object.values(portsOf(podOf(whole(), 'haproxy'))))).toEqual(new Set(binds));
    expect(configuration).toContain(`"\${GATEWAYS}:${portsOf(podOf(whole(), 'gateway')).http}"`);
  });

  it('know the gateways by the name of a headless Service that hides none', () => {
    const { GATEWAYS = '' } = environmentOf(whole(), podOf(whole(), 'haproxy'));
    const [name, ...domain] = GATEWAYS.split('.');
    expect(domain.join('.')).toBe('$(NAMESPACE).svc.cluster.local');
    const service = ofKind(whole().manifests, 'Service').find(({ metadata }) => metadata.name === name);
    expect(service?.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
  });

  it('of the balancer have variables that its configuration knows', () => {
    const { NAMESPACE, ...variables } = environmentOf(whole(), podOf(whole(), 'haproxy'));
    const known = [...read('docker/haproxy.cfg').matchAll(/^ {4}presetenv (\w+) /gm)].map(([, name]) => name);
    expect(known).toEqual(expect.arrayContaining(Object.keys(variables)));
    if (whole().name !== 'dev') expect(variables).toHaveProperty('PROXIES');
  });

  it('have settings that are known and valid', async () => {
    const place = await mkdtemp(join(tmpdir(), 'manifests-'));
    try {
      await writeFile(join(place, 'password'), 'secret');
      for (const role of ['gateway', 'controller']) {
        const env = environmentOf(whole(), podOf(whole(), role));
        const known = knownVariables();
        expect(Object.keys(env).filter((name) => !known.has(name))).toEqual([]);
        env.MCP_SESSION_MANAGER_STORE_PASSWORD_FILE = join(place, 'password');
        const config = loadConfig({ env, cwd: place, uid: UID });
        expect(config).toMatchObject({ runtime: 'kubernetes', kubernetes: { namespace: SESSIONS } });
      }
    } finally {
      await rm(place, { recursive: true });
    }
  });

  it('mount what their settings name', () => {
    for (const role of ['gateway', 'controller']) {
      const pod = podOf(whole(), role);
      const mounts = (containerOf(pod).volumeMounts ?? []).map(({ mountPath }) => mountPath);
      const env = environmentOf(whole(), pod);
      const files = Object.entries(env).filter(([name]) => /_(FILE|CATALOGUE|STATE)$/.test(name));
      expect(files.length).toBeGreaterThan(3);
      for (const [name, path] of files)
        expect(
          mounts.some((mount) => path.startsWith(`${mount}/`)),
          name,
        ).toBe(true);
      expect(mounts).toContain(env[`MCP_SESSION_MANAGER_${role === 'gateway' ? 'WORKSPACE_MOUNT' : 'STATE_ROOT'}`]);
      expect(env.MCP_SESSION_MANAGER_WORKSPACE_ROOTS).toBe(env.MCP_SESSION_MANAGER_WORKSPACE_MOUNT);
    }
  });

  it('refer to what is there', () => {
    const secrets = madeSecrets();
    for (const pod of whole().pods) {
      const { serviceAccountName, priorityClassName, volumes = [] } = pod.spec;
      const { envFrom = [], env = [], volumeMounts = [] } = containerOf(pod);
      const there = (kind: string, name: string | undefined) =>
        expect(has(whole(), kind, name, pod.namespace), `${kind} ${name}`).toBe(true);
      there('ServiceAccount', serviceAccountName);
      there('PriorityClass', priorityClassName);
      for (const { configMapRef } of envFrom) there('ConfigMap', configMapRef?.name);
      for (const { configMap, persistentVolumeClaim: claim } of volumes) {
        if (configMap) there('ConfigMap', configMap.name);
        if (claim) there('PersistentVolumeClaim', claim.claimName);
      }
      const keys = [
        ...env.flatMap(({ valueFrom }) => (valueFrom?.secretKeyRef ? [valueFrom.secretKeyRef] : [])),
        ...volumes.flatMap(({ secret }) => (secret?.items ?? []).map(({ key }) => ({ name: secret?.secretName, key }))),
      ];
      for (const { name, key } of keys) expect(secrets[name ?? ''], name).toContain(key);
      const claimed = pod.name === 'redis' ? ['data'] : [];
      const names = [...volumes.map(({ name }) => name), ...claimed];
      for (const { name } of volumeMounts) expect(names).toContain(name);
    }
  });

  it('of instances are given what is in their namespace', () => {
    const env = environmentOf(whole(), podOf(whole(), 'controller'));
    const given = {
      ServiceAccount: [env.MCP_SESSION_MANAGER_INSTANCE_SERVICE_ACCOUNT],
      PriorityClass: [env.MCP_SESSION_MANAGER_INSTANCE_PRIORITY],
      PersistentVolumeClaim: [env.MCP_SESSION_MANAGER_WORKSPACE_CLAIM, env.MCP_SESSION_MANAGER_STATE_CLAIM],
    };
    for (const [kind, names] of Object.entries(given))
      for (const name of names) expect(has(whole(), kind, name, SESSIONS), `${kind} ${name}`).toBe(true);
    const [quota] = ofKind(whole().manifests, 'ResourceQuota');
    expect(quota?.metadata.namespace).toBe(SESSIONS);
    expect(Number(quota?.spec.hard.pods)).toBeGreaterThan(Number(env.MCP_SESSION_MANAGER_INSTANCES));
  });

  it('have more time to end than they take', () => {
    const [, grace = ''] = /GRACE_MS = ([\d_]+);/.exec(read('src/roles/gateway.ts')) ?? [];
    const env = environmentOf(whole(), podOf(whole(), 'gateway'));
    const { drainMs } = loadConfig({
      env: { MCP_SESSION_MANAGER_DRAIN: env.MCP_SESSION_MANAGER_DRAIN },
      cwd: '/',
      uid: UID,
    });
    const takes = (drainMs + Number(grace.replace('_', ''))) / 1000;
    const allowed = (pod: PodMaker) => pod.spec.terminationGracePeriodSeconds;
    expect(allowed(podOf(whole(), 'gateway'))).toBeGreaterThan(takes + 1);
    const { seconds = 0 } = containerOf(podOf(whole(), 'haproxy')).lifecycle?.preStop?.sleep ?? {};
    expect(seconds).toBeGreaterThan(0);
    expect(allowed(podOf(whole(), 'haproxy'))).toBeGreaterThan(seconds);
  });

  it('are never fewer than they should be, and lie apart', () => {
    for (const { metadata, spec } of ofKind(whole().manifests, 'Deployment')) {
      expect(spec.strategy.rollingUpdate, metadata.name).toEqual({ maxUnavailable: 0, maxSurge: 1 });
      const spread = spec.template.spec.topologySpreadConstraints as { topologyKey: string; labelSelector: object }[];
      expect(spread.map(({ topologyKey }) => topologyKey)).toEqual([
        'kubernetes.io/hostname',
        'topology.kubernetes.io/zone',
      ]);
      for (const { labelSelector } of spread) expect(labelSelector).toEqual(spec.selector);
      expect(has(whole(), 'PodDisruptionBudget', metadata.name, MANAGER), metadata.name).toBe(true);
    }
  });

  it('of gateways are not evicted together while none is ready', () => {
    const budgets = ofKind(whole().manifests, 'PodDisruptionBudget');
    const budget = budgets.find(({ metadata }) => metadata.name === 'gateway');
    expect(budget?.spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'IfHealthyBudget' });
  });
});
