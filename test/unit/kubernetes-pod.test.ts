import { type IPod, Pod } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import type { CatalogueEntry } from '../../src/core/catalogue.ts';
import { readMarks, selectorFor } from '../../src/runtime/kubernetes/marks.ts';
import { labelValueOf, podNameOf } from '../../src/runtime/kubernetes/names.ts';
import { type PodPolicy, podOf, secretOf } from '../../src/runtime/kubernetes/pod-spec.ts';
import { workspaceVolumeOf } from '../../src/runtime/kubernetes/workspace-volume.ts';
import { specOf } from '../contract/runtime.ts';
import { podEntryOf } from '../support/catalogue-entry.ts';

const POLICY: PodPolicy = {
  deployment: 'main',
  namespace: 'sessions',
  image: 'registry/program@sha256:1',
  imagePullSecrets: [],
  hostCommand: ['node', '/app/dist/main.js', 'host'],
  user: 1000,
  group: 10_001,
  serviceAccount: 'instance',
  priorityClass: '',
  limits: { memoryBytes: 2 ** 30, cpus: 2 },
  requests: { memoryBytes: 2 ** 27, cpus: 0.05 },
  allowBridge: false,
  workspaces: { claim: 'workspaces', root: '/workspaces' },
  stateClaim: 'state',
};
const { labels } = specOf();
const slot = { id: 'id', session: labels.session, server: labels.server, directory: '/nowhere' };
const place = { slot, name: podNameOf('main', slot), secret: 'secret', madeAt: labels.deadline - 90_500 };

function made(more: Partial<PodPolicy> = {}, entry?: CatalogueEntry, workspace = '/workspaces/olga/project') {
  return podOf({ ...POLICY, ...more }, specOf({}, workspace), entry, place);
}
/** As it goes to the API server. */
const sent = (pod: ReturnType<typeof made>) => JSON.parse(JSON.stringify(pod)) as IPod;
const containerIn = (pod: ReturnType<typeof made>) => pod.spec?.containers[0];

describe("an instance's Pod", () => {
  it.each([
    ['with all that it may have', made({ priorityClass: 'p', imagePullSecrets: ['s'] })],
    ['with nothing that can be left out', made({ stateClaim: '' }, podEntryOf('filesystem', { workspace: false }))],
  ])("is one by Kubernetes' own schema, %s", (_, pod) => {
    expect(() => new Pod(sent(pod)).validate()).not.toThrow();
  });

  it('is confined', () => {
    const pod = made();
    expect(pod.spec).toMatchObject({
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      serviceAccountName: 'instance',
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 1000,
        runAsGroup: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      },
    });
    expect(containerIn(pod)).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      resources: {
        limits: { memory: String(2 ** 30), cpu: '2000m' },
        requests: { memory: String(2 ** 27), cpu: '50m' },
      },
    });
  });

  it('ends with its session, to the second above', () => {
    expect(made().spec?.activeDeadlineSeconds).toBe(91);
    const late = { ...place, madeAt: labels.deadline + 1 };
    expect(podOf(POLICY, specOf({}, '/workspaces/w'), undefined, late).spec?.activeDeadlineSeconds).toBe(1);
    const early = { ...place, madeAt: 0 };
    expect(podOf(POLICY, specOf({}, '/workspaces/w'), undefined, early).spec?.activeDeadlineSeconds).toBe(2 ** 31 - 1);
  });

  it('asks for no more than it may have', () => {
    const entry = podEntryOf('filesystem', { limits: { memoryMb: 64, cpus: 0.01 } });
    expect(containerIn(made({}, entry))?.resources).toEqual({
      limits: { memory: String(2 ** 26), cpu: '10m' },
      requests: { memory: String(2 ** 26), cpu: '10m' },
    });
  });

  it('sees its workspace, and what it leaves to its successor, and no more', () => {
    expect(containerIn(made())?.volumeMounts).toEqual([
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'config', mountPath: '/config' },
      { name: 'link', mountPath: '/run/link', readOnly: true },
      { name: 'state', mountPath: '/run/host', subPath: `main/${labels.session}/filesystem` },
      { name: 'workspace', mountPath: '/workspaces/olga/project', subPath: 'olga/project' },
    ]);
    const without = made({ stateClaim: '' }, podEntryOf('filesystem', { workspace: false }), '/anywhere');
    expect(without.spec?.volumes?.map(({ name }) => name)).toEqual(['tmp', 'config', 'link']);
    expect(containerIn(without)?.args).not.toContain('--ledger');
  });

  it.each([
    ['a network of its own', podEntryOf('x', { network: 'bridge' }), /"bridge".*allowBridge/],
    [
      'directories of a machine',
      podEntryOf('x', { mounts: [{ source: '/', target: '/m', readOnly: true }] }),
      /"mounts"/,
    ],
  ])('is none for an entry that asks for %s', (_, entry, words) => {
    expect(() => made({}, entry)).toThrow(words);
  });

  it('says which network it is given', () => {
    const networkOf = (entry: CatalogueEntry, more = {}) =>
      made(more, entry).metadata?.labels?.['io.github.mcp-session-manager.network'];
    expect(networkOf(podEntryOf('x'))).toBe('none');
    expect(networkOf(podEntryOf('x', { network: 'egress' }))).toBe('egress');
    expect(networkOf(podEntryOf('x', { network: 'bridge' }), { allowBridge: true })).toBe('bridge');
  });

  it('says what it is, in annotations; whatever the owner is called, it is found by labels', () => {
    const owner = 'Ölga <olga@example.org> '.repeat(20);
    const pod = podOf(POLICY, specOf({ owner }, '/workspaces/w'), undefined, place);
    expect(readMarks('main', pod)).toEqual({ labels: { ...labels, owner }, madeAt: place.madeAt });
    expect(readMarks('other', pod)).toBeUndefined();
    expect(() => new Pod(sent(pod)).validate()).not.toThrow();
    expect(pod.metadata?.labels).toMatchObject(selectorFor('main', labels.session));
    for (const value of Object.values(pod.metadata?.labels ?? {})) expect(labelValueOf(value)).toBe(value);
  });

  it('has a Secret that ends with it', () => {
    const { metadata, data, immutable } = secretOf(POLICY, place, 'uid', Buffer.from('key'));
    expect(metadata?.ownerReferences).toEqual([{ apiVersion: 'v1', kind: 'Pod', name: place.name, uid: 'uid' }]);
    expect([data?.key, immutable]).toEqual([Buffer.from('key').toString('base64'), true]);
    expect(JSON.stringify(made())).not.toContain(data?.key);
  });
});

describe("a Pod's name", () => {
  const name = (deployment: string, session: string, server: string) => podNameOf(deployment, { session, server });
  const session = `${'a'.repeat(24)}-abcdefghijklmnop`;

  it('is a DNS label, however long what it is made of', () => {
    expect(name('d'.repeat(32), session, 'S'.repeat(32))).toMatch(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/);
    expect(name('d-', session, 's-')).toMatch(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/);
  });

  it('differs where anything does', () => {
    const names = [
      name('d', session, 's'),
      name('e', session, 's'),
      name('d', `b${session.slice(1)}`, 's'),
      name('d', session, 'S'),
      name('d', session, 't'),
      name(`${'d'.repeat(31)}1`, session, 's'),
      name(`${'d'.repeat(31)}2`, session, 's'),
    ];
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('where a workspace lies', () => {
  const shared = { claim: 'workspaces', root: '/workspaces' };
  const owned = { claim: 'home-{owner}', root: '/workspaces' };
  it.each([
    [shared, '/workspaces/olga/project', { claim: 'workspaces', subPath: 'olga/project' }],
    [shared, '/workspaces', { claim: 'workspaces' }],
    [owned, '/workspaces/olga/project/a', { claim: 'home-olga', subPath: 'project/a' }],
    [owned, '/workspaces/olga', { claim: 'home-olga' }],
  ])('%j: %s', (policy, workspace, expected) => {
    expect(workspaceVolumeOf(policy, workspace, 'olga')).toEqual(expected);
  });

  it.each([
    [shared, '/elsewhere/project'],
    [shared, '/workspaces/../etc'],
    [shared, '/workspaces2/project'],
    [owned, '/workspaces/ivan/project'],
    [owned, '/workspaces'],
    [{ claim: '', root: '/workspaces' }, '/workspaces/olga'],
  ])('%j: nowhere for %s', (policy, workspace) => {
    expect(() => workspaceVolumeOf(policy, workspace, 'olga')).toThrow(
      expect.objectContaining({ code: 'config.invalid' }),
    );
  });

  it('has an owner whose name no object can have in a claim of a name of its own', () => {
    const claimOf = (owner: string) => workspaceVolumeOf(owned, `/workspaces/${owner}`, owner).claim;
    expect(claimOf('Olga@example.org')).toMatch(/^home-sha256-[0-9a-f]{20}$/);
    expect(claimOf('Olga@example.org')).not.toBe(claimOf('olga@example.org'));
  });
});
