import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig, type V1Pod } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Cluster } from '../../src/runtime/kubernetes/cluster.ts';

/** Time enough for an answer from this machine, however slow it is, and too much to wait for none, milliseconds. */
const PATIENCE_MS = 20_000;
const SILENCE_MS = 500;
const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const POD: V1Pod = { metadata: { name: 'a' } };
const status = (code: number, reason: string, message: string) => ({ kind: 'Status', code, reason, message });
const MODIFIED = status(409, 'Conflict', 'Operation cannot be fulfilled on resourcequotas "q": it has been modified');
const TAKEN = status(409, 'AlreadyExists', 'object is being deleted: pods "a" already exists');
const BUSY = { code: 'runtime.unavailable', data: { lack: 'cluster' } };

describe('a controller that nobody has told of a cluster', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'home-'));
    vi.stubEnv('HOME', home);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true });
  });

  const toldOf = (what: string) => {
    const message = expect.stringMatching(new RegExp(`^${what}.*: set KUBECONFIG`));
    expect(() => new Cluster('sessions')).toThrow(expect.objectContaining({ ...BUSY, message }));
  };

  it('says what to do if its kubeconfig is not there', () => {
    vi.stubEnv('KUBECONFIG', join(home, 'kubeconfig'));
    toldOf('The kubeconfig cannot be used');
  });

  // In a Pod its service account names one.
  it.skipIf(existsSync(SERVICE_ACCOUNT_TOKEN))('says what to do if there is none', () => {
    vi.stubEnv('KUBECONFIG', '');
    toldOf('No Kubernetes cluster is named');
  });
});

/** What no well cluster does when it is asked to: an API server of one's own. */
describe('an API server', () => {
  let directory: string;
  let server: Server;
  let answer: RequestListener;
  let file: string;
  let cluster: Cluster;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'api-server-'));
    server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const config = new KubeConfig();
    const address = { name: 'own', server: `http://127.0.0.1:${port}`, skipTLSVerify: true };
    config.loadFromClusterAndUser(address, { name: 'nobody' });
    file = join(directory, 'kubeconfig');
    writeFileSync(file, config.exportConfig());
    cluster = new Cluster('sessions', file, PATIENCE_MS);
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true });
  });

  const answers = (body: { readonly code: number }) => {
    answer = (_, response) =>
      response.writeHead(body.code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

  it('that takes a request and never answers is out of reach', async () => {
    answer = () => {};
    cluster = new Cluster('sessions', file, SILENCE_MS);
    const silent = { ...BUSY, message: expect.stringContaining('does not answer') };
    await expect(cluster.createPod(POD)).rejects.toMatchObject(silent);
    await expect(cluster.readPod('a')).rejects.toMatchObject(silent);
    await expect(cluster.listPods({})).rejects.toMatchObject(silent);
    await expect(cluster.deletePod('a', 'uid', 1)).rejects.toMatchObject(silent);
  });

  it('says that a name is taken', async () => {
    answers(TAKEN);
    expect(await cluster.createPod(POD)).toBeUndefined();
  });

  it('whose quota many count in at once is to be asked again, and has taken no name', async () => {
    answers(MODIFIED);
    const busy = { ...BUSY, message: expect.stringContaining('resourcequotas') };
    await expect(cluster.createPod(POD)).rejects.toMatchObject(busy);
    await expect(cluster.createSecret({})).rejects.toMatchObject(busy);
  });
});
