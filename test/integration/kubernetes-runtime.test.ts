import { connect } from 'node:net';
import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Instance, Runtime } from '../../src/core/runtime.ts';
import { podNameOf } from '../../src/runtime/kubernetes/names.ts';
import { accepts, collect, specOf } from '../contract/runtime.ts';
import { podEntryOf } from '../support/catalogue-entry.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type KubernetesNamespace, openKubernetesNamespace } from '../support/kubernetes-namespace.ts';
import { bundledHost, type KubernetesPlace, openKubernetesPlace, podOf } from '../support/kubernetes-place.ts';
import { clockAtSpeed } from '../support/process-place.ts';
import { requires } from '../support/requires.ts';

const never = new AbortController().signal;
const { session } = specOf().labels;
const ID = `${session}/filesystem`;

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

requires('cluster')('the Kubernetes runtime', () => {
  let namespace: KubernetesNamespace;
  let host: string;
  let place: KubernetesPlace;
  beforeAll(async () => {
    [namespace, host] = await Promise.all([openKubernetesNamespace(), bundledHost()]);
  });
  afterAll(() => namespace[Symbol.asyncDispose]());
  beforeEach(() => {
    place = openKubernetesPlace(namespace, host);
  });
  afterEach(() => place[Symbol.asyncDispose]());

  const start = (runtime: Runtime = place.runtime(), labels = {}): Promise<Instance> =>
    runtime.start(specOf(labels, place.workspace), never);
  const entry = (more: Parameters<typeof podEntryOf>[1]) =>
    ({ catalogue: new Map([['filesystem', podEntryOf('filesystem', more)]]) }) as const;
  const lacks = (lack: string, words: RegExp) => ({
    code: 'runtime.unavailable',
    message: expect.stringMatching(words),
    data: { lack },
  });
  const failed = () =>
    eventually('the Pod has failed', async () => (await place.pods()).find(({ status }) => status?.phase === 'Failed'));

  describe('beside others in the same namespace', () => {
    it("never sees another deployment's Pods", async () => {
      await using other = openKubernetesPlace(namespace, host);
      const [ours, theirs] = [place.runtime(), other.runtime()];
      const [mine, foreign] = [await start(ours), await start(theirs)];
      expect(foreign.name).not.toBe(mine.name);
      expect((await collect(ours.list())).map(({ instance }) => instance.name)).toEqual([mine.name]);
      await ours.stop(ID, 1000);
      await ours.forget(session);
      expect(await theirs.status(ID)).toMatchObject({ phase: 'running', instance: { name: foreign.name } });
      expect(await accepts(foreign.endpoint)).toBe(true);
    });

    it("leaves a Pod alone that has an instance's name and not its annotations", async () => {
      const name = podNameOf(place.deployment, { session, server: 'filesystem' });
      await namespace.core.createNamespacedPod({ namespace: namespace.name, body: strangerOf(name) });
      const runtime = place.runtime();
      expect(await runtime.status(ID)).toEqual({ phase: 'absent' });
      await runtime.stop(ID, 0);
      await expect(start(runtime)).rejects.toMatchObject({
        code: 'server.busy',
        message: expect.stringContaining(name),
      });
      await namespace.core.deleteNamespacedPod({ namespace: namespace.name, name, gracePeriodSeconds: 0 });
    });
  });

  describe('when something is wrong', () => {
    afterEach(async () => expect(await place.left()).toEqual([]));

    it('says that the image cannot be had', async () => {
      const started = start(place.runtime('good', entry({ image: 'localhost:1/nowhere:1' })));
      await expect(started).rejects.toMatchObject(lacks('image', /ErrImagePull: .*nowhere/));
    });

    it('says that the image has no valid name', async () => {
      const started = start(place.runtime('good', entry({ image: 'Not:A:Name' })));
      await expect(started).rejects.toMatchObject({
        code: 'server.failed',
        message: expect.stringMatching(/InvalidImageName/),
      });
    });

    it('waits for a node with room, and says what is missing', async () => {
      const requests = { memoryBytes: 2 ** 45, cpus: 0.01 };
      const limits = { memoryBytes: 2 ** 45, cpus: 1 };
      const started = start(place.runtime('good', { requests, limits, clock: clockAtSpeed(20) }));
      await expect(started).rejects.toMatchObject(lacks('room', /Insufficient memory/));
    });

    it('says that the volume with the workspaces is not there', async () => {
      const started = start(place.runtime('good', { workspaces: { claim: 'elsewhere', root: '/workspaces' } }));
      await expect(started).rejects.toMatchObject(lacks('workspace', /"elsewhere" not found/));
    });

    it('says that the quota of the namespace is used up', async () => {
      const body = { metadata: { name: 'none' }, spec: { hard: { pods: '0' } } };
      const of = { name: 'none', namespace: namespace.name };
      await namespace.core.createNamespacedResourceQuota({ namespace: namespace.name, body });
      try {
        await eventually('it counts', async () => (await namespace.core.readNamespacedResourceQuota(of)).status?.hard);
        await expect(start()).rejects.toMatchObject(lacks('quota', /exceeded quota: none/));
      } finally {
        await namespace.core.deleteNamespacedResourceQuota(of);
      }
    });

    it('says what it may not do', async () => {
      const elsewhere = place.runtime('good', { namespace: 'default' });
      await expect(start(elsewhere)).rejects.toMatchObject(lacks('permission', /cannot create resource "pods"/));
      await expect(collect(elsewhere.list())).rejects.toMatchObject(lacks('permission', /cannot list resource/));
    });

    it('says that Kubernetes refuses what a Pod would be', async () => {
      const started = start(place.runtime('good', { priorityClass: 'nowhere' }));
      await expect(started).rejects.toMatchObject({
        code: 'config.invalid',
        message: expect.stringMatching(/nowhere/),
      });
    });

    it('says that the API is down, and never that an instance is absent', async () => {
      await start();
      const down = lacks('cluster', /does not answer \(.*ECONNREFUSED/);
      const runtime = place.runtime('good', { kubeConfig: await unreachable(namespace) });
      await expect(start(runtime)).rejects.toMatchObject(down);
      await expect(runtime.status(ID)).rejects.toMatchObject(down);
      await expect(collect(runtime.list())).rejects.toMatchObject(down);
      await expect(runtime.stop(ID, 0)).rejects.toMatchObject(down);
      await expect(runtime.usage(ID)).rejects.toMatchObject(down);
      await expect(collect(runtime.logs(ID, {}))).rejects.toMatchObject(down);
      await expect(runtime.forget(session)).rejects.toMatchObject(down);
      expect(await place.runtime().status(ID)).toMatchObject({ phase: 'running' });
      await place.runtime().stop(ID, 1000);
    });

    it('says that an instance ran out of memory, and with which limit', async () => {
      const runtime = place.runtime('hungry', entry({ limits: { memoryMb: 100 } }));
      const { endpoint } = await start(runtime);
      const socket = connect(endpoint.kind === 'tcp' ? endpoint : { path: '' }).on('error', () => {});
      try {
        await failed();
        expect(await eventually('it is known', async () => dead(await runtime.status(ID)))).toMatchObject({
          reason: expect.stringMatching(/^it ran out of memory: it may have 100 MiB/),
        });
      } finally {
        socket.destroy();
      }
      await runtime.stop(ID, 0);
    });

    it('says that a session has reached its maximum age', async () => {
      const runtime = place.runtime();
      await start(runtime, { deadline: Date.now() + 6000 });
      await failed();
      expect(await eventually('it is known', async () => dead(await runtime.status(ID)))).toMatchObject({
        reason: expect.stringContaining('maximum age'),
      });
      await runtime.stop(ID, 0);
    });

    it('says that a node is drained', async () => {
      const runtime = place.runtime('stubborn');
      const { name } = await start(runtime);
      const metadata = { name: podOf({ name } as Instance), namespace: namespace.name };
      const body = { metadata, deleteOptions: { gracePeriodSeconds: 5 } };
      await namespace.core.createNamespacedPodEviction({ ...metadata, body });
      expect(await eventually('it is known', async () => dead(await runtime.status(ID)))).toMatchObject({
        reason: expect.stringContaining('evicted'),
      });
      await runtime.stop(ID, 0);
    });

    it('finds and removes a Pod that a controller made and whose key it never wrote', async () => {
      const runtime = place.runtime();
      await start(runtime);
      const [pod] = (await place.pods()) as [V1Pod];
      await runtime.stop(ID, 0);
      const { name = '', labels = {}, annotations = {} } = pod.metadata ?? {};
      const body = { metadata: { name, labels, annotations }, spec: { ...strangerOf(name).spec } } as V1Pod;
      await namespace.core.createNamespacedPod({ namespace: namespace.name, body });
      const [left] = await collect(runtime.list());
      expect(left).toMatchObject({ phase: 'dead', reason: expect.stringContaining('does not run yet'), unbegun: true });
      const next = await start(runtime);
      expect(next.name).not.toBe(left?.instance.name);
      await runtime.stop(ID, 0);
    });
  });

  it('makes Pods of which Kubernetes knows each field, and that the standard `restricted` admits', async () => {
    await start();
    const [{ metadata, spec } = {}] = await place.pods();
    const { labels = {}, annotations = {} } = metadata ?? {};
    const body = { metadata: { name: 'again', labels, annotations }, spec } as V1Pod;
    const { name: ns } = namespace;
    const made = namespace.core.createNamespacedPod({ namespace: ns, body, dryRun: 'All', fieldValidation: 'Strict' });
    expect((await made).metadata?.name).toBe('again');
    await place.runtime().stop(ID, 0);
  });

  it('gives up what ran on a node that the cluster has lost', async () => {
    const runtime = place.runtime();
    await start(runtime);
    const [{ metadata, spec } = {}] = (await place.pods()) as [V1Pod];
    await runtime.stop(ID, 0);
    const { name = '', labels = {}, annotations = {} } = metadata ?? {};
    // A node of which nobody has ever heard anything, with a Pod that was running there.
    const node = `${namespace.name}-lost`;
    await namespace.core.createNode({ body: { metadata: { name: node }, spec: { unschedulable: true } } });
    try {
      const body = { metadata: { name, labels, annotations }, spec: { ...spec, nodeName: node } } as V1Pod;
      await namespace.core.createNamespacedPod({ namespace: namespace.name, body });
      const lost = async () => {
        const status = await runtime.status(ID);
        return status.phase === 'dead' && status.reason === 'its node was lost';
      };
      await eventually('the cluster gives it up', lost, 150_000);
      await runtime.stop(ID, 1000);
      expect(await runtime.status(ID)).toEqual({ phase: 'absent' });
      expect(await accepts((await start(runtime)).endpoint)).toBe(true);
    } finally {
      await namespace.core.deleteNode({ name: node });
    }
    await runtime.stop(ID, 0);
  }, 300_000);

  it('leaves no Secret behind when a Pod is gone', async () => {
    const runtime = place.runtime();
    await start(runtime);
    const secrets = async () => {
      const { items } = await namespace.core.listNamespacedSecret({ namespace: namespace.name });
      return items.filter(({ metadata }) => metadata?.name?.startsWith(place.deployment));
    };
    expect(await secrets()).toHaveLength(1);
    await runtime.stop(ID, 1000);
    await eventually('it is collected', async () => (await secrets()).length === 0, 60_000);
  });
});

const dead = <T extends { phase: string }>(status: T) => (status.phase === 'dead' ? status : undefined);

/** A Pod that waits for a Secret that never comes. */
function strangerOf(name: string): V1Pod {
  return {
    metadata: { name },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'host',
          image: 'node:24-bookworm-slim',
          imagePullPolicy: 'IfNotPresent',
          command: ['sleep', '1000'],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [{ name: 'never', mountPath: '/never' }],
        },
      ],
      volumes: [{ name: 'never', secret: { secretName: 'never' } }],
    },
  };
}

/** A kubeconfig that leads to a port on which nobody listens. */
async function unreachable(namespace: KubernetesNamespace): Promise<string> {
  const port = await freePort();
  return namespace.variant((config) =>
    config.loadFromClusterAndUser(
      { name: 'down', server: `https://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: 'nobody' },
    ),
  );
}
