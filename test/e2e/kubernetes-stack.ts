import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OpenedSession, SessionList } from '../../src/core/api.ts';
import { docker } from '../faults/docker.ts';
import { buildImages } from '../faults/images.ts';
import type { Place } from '../faults/place.ts';
import { eventually } from '../support/eventually.ts';
import { askAsOwner } from '../support/owner-api.ts';

const K8S = fileURLToPath(new URL('../../k8s', import.meta.url));
export const MANAGER = 'mcp-session-manager';
export const SESSIONS = 'mcp-sessions';
/** As k8s/base has them. */
const USERS = { workspaces: 1000, state: 10_001 };
const PARTS = ['statefulset/redis', 'deployment/controller', 'deployment/haproxy', 'deployment/gateway'];
const KUBECTL_MS = 60_000;
/** How long a part may take to be whole: gateways come one by one, 35 s apart (`minReadySeconds`). */
const WHOLE_MS = 300_000;
const GONE_MS = 180_000;
const API_MS = 60_000;

interface Listed {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly nodeName?: string; readonly unschedulable?: boolean };
    readonly status: { readonly addresses?: readonly { readonly type: string; readonly address: string }[] };
  }[];
}

/**
 * What `program` writes to stdout.
 * @throws Error with what it wrote to stderr, if it fails or takes longer than `deadlineMs`
 */
function run(program: string, args: readonly string[], deadlineMs = KUBECTL_MS): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: deadlineMs, maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')}: ${stderr.trim() || error.message}`));
      else resolve(stdout.trim());
    }).stdin?.end();
  });
}

export const kubectl = (args: readonly string[], deadlineMs?: number): Promise<string> =>
  run('kubectl', args, deadlineMs);

/**
 * k8s/overlays/dev, installed into the cluster that KUBECONFIG names, with an image of this source tree that `CLUSTER_LOAD`
 * brings to its nodes, and volumes in a directory that this machine sees as well (`CLUSTER_SHARED`). Clients come by way of a
 * node's port. Disposal takes away all of it.
 */
export class KubernetesStack implements Place {
  readonly name = `k8s-${randomBytes(3).toString('hex')}`;
  readonly #here: string;
  readonly #there: string;
  readonly #overlay = mkdtempSync(join(tmpdir(), 'overlay-'));
  #images: readonly string[] = [];
  #credential = '';
  url = '';

  private constructor() {
    const [here = '', there = ''] = (process.env.CLUSTER_SHARED ?? '').split(':');
    this.#here = join(here, this.name);
    this.#there = join(there, this.name);
  }

  /** Resolves when it serves. @throws Error if there is such a deployment already */
  static async up(): Promise<KubernetesStack> {
    const there = await kubectl(['get', 'namespace', MANAGER, SESSIONS, '--ignore-not-found', '--output', 'name']);
    if (there !== '') throw new Error(`the cluster has a deployment, which this would replace: ${there}`);
    const stack = new KubernetesStack();
    try {
      await stack.#install();
    } catch (error) {
      await stack[Symbol.asyncDispose]();
      throw error;
    }
    return stack;
  }

  async #install(): Promise<void> {
    for (const [directory, user] of Object.entries(USERS)) {
      mkdirSync(join(this.#here, directory), { recursive: true });
      chownSync(join(this.#here, directory), user, user);
    }
    this.#images = await buildImages(this.name);
    const [program = '', ...args] = (process.env.CLUSTER_LOAD ?? '').split(' ');
    await run(program, [...args, this.#images.at(-1) as string], WHOLE_MS);
    const address = await this.#address();
    writeFileSync(join(this.#overlay, 'kustomization.yaml'), JSON.stringify(this.#kustomization(address)));
    await run(join(K8S, 'make-secrets.sh'), []);
    await kubectl(['apply', '--kustomize', this.#overlay]);
    const secret = await kubectl(['-n', MANAGER, 'get', 'secret', MANAGER, '-o', 'jsonpath={.data.credential}']);
    this.#credential = Buffer.from(secret, 'base64').toString();
    const port = await kubectl(['-n', MANAGER, 'get', 'service', 'mcp', '-o', 'jsonpath={.spec.ports[0].nodePort}']);
    this.url = `http://${address}:${port}`;
    await this.whole();
  }

  /** Of a node. */
  async #address(): Promise<string> {
    const { items } = JSON.parse(await kubectl(['get', 'nodes', '--output', 'json'])) as Listed;
    const addresses = items.flatMap(({ status }) => status.addresses ?? []);
    const address = addresses.find(({ type }) => type === 'InternalIP')?.address;
    if (address === undefined) throw new Error('no node has an address');
    return address;
  }

  /** What this installation has of its own. */
  #kustomization(address: string) {
    const [, suite = ''] = this.#images;
    const [newName, newTag] = suite.split(':');
    const at = (what: string) =>
      JSON.stringify([{ op: 'replace', path: '/spec/hostPath', value: { path: join(this.#there, what) } }]);
    const select = { kind: 'Deployment', name: 'controller' };
    const image = 'spec.template.spec.containers.[name=controller]';
    return {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [relative(this.#overlay, join(K8S, 'overlays/dev'))],
      images: [{ name: MANAGER, newName, newTag }],
      replacements: [
        {
          source: { ...select, fieldPath: `${image}.image` },
          targets: [{ select, fieldPaths: [`${image}.env.[name=MCP_SESSION_MANAGER_IMAGE].value`] }],
        },
      ],
      configMapGenerator: [
        {
          name: 'settings',
          namespace: MANAGER,
          behavior: 'merge',
          literals: [
            'MCP_SESSION_MANAGER_CATALOGUE=/app/faults/catalogue.json',
            `MCP_SESSION_MANAGER_ALLOWED_HOSTS=${address}`,
          ],
        },
      ],
      patches: [
        { target: { kind: 'PersistentVolume', name: '.*workspaces' }, patch: at('workspaces') },
        { target: { kind: 'PersistentVolume', name: '.*state' }, patch: at('state') },
        {
          target: { kind: 'Service', name: 'mcp' },
          patch: JSON.stringify([{ op: 'add', path: '/spec/type', value: 'NodePort' }]),
        },
      ],
    };
  }

  /** Names of the Pods of a part. */
  async pods(component: string): Promise<string[]> {
    const selector = `app.kubernetes.io/component=${component}`;
    const { items } = JSON.parse(await kubectl(['-n', MANAGER, 'get', 'pods', '-l', selector, '-o', 'json'])) as Listed;
    return items.map(({ metadata }) => metadata.name).sort();
  }

  async instances(): Promise<string[]> {
    return (await this.#instances()).map(({ metadata }) => metadata.name);
  }

  async #instances(): Promise<Listed['items']> {
    return (JSON.parse(await kubectl(['-n', SESSIONS, 'get', 'pods', '--output', 'json'])) as Listed).items;
  }

  /** Ends a Pod at once, as the loss of its container would. */
  async kill(namespace: string, pod: string): Promise<void> {
    await kubectl(['-n', namespace, 'delete', 'pod', pod, '--grace-period=1', '--wait=true']);
  }

  /** Those nodes on which no Redis is: its volume does not follow it. */
  async drainable(): Promise<string> {
    const { items } = JSON.parse(await kubectl(['get', 'nodes', '--output', 'json'])) as Listed;
    const redis = await kubectl(['-n', MANAGER, 'get', 'pod', 'redis-0', '-o', 'jsonpath={.spec.nodeName}']);
    const other = items.find(({ metadata, spec }) => metadata.name !== redis && !spec.unschedulable);
    if (!other) throw new Error('there is no second node');
    return other.metadata.name;
  }

  async whole(): Promise<void> {
    for (const part of PARTS)
      await kubectl(['-n', MANAGER, 'rollout', 'status', part, `--timeout=${WHOLE_MS / 1000}s`], WHOLE_MS + KUBECTL_MS);
  }

  async open(terminal: string): Promise<OpenedSession & { readonly ledger: string }> {
    const directory = join(this.#here, 'workspaces', terminal);
    mkdirSync(directory);
    chownSync(directory, USERS.workspaces, USERS.workspaces);
    const body = { terminal: { name: terminal, host: 'elsewhere' }, workspace: `/workspaces/${terminal}` };
    const opened = await this.#api<OpenedSession>('POST', '/api/sessions', body);
    return { ...opened, ledger: join(directory, 'ledger') };
  }

  /** Asked until there is an answer: who does not get one has not lost anything. */
  async sessions(): Promise<string[]> {
    const list = () => this.#api<SessionList>('GET', '/api/sessions');
    return (await eventually('the sessions are told', list, API_MS)).sessions.map(({ id }) => id);
  }

  async end(session: string): Promise<void> {
    await this.#api('DELETE', `/api/sessions/${session}`);
  }

  #api<T>(method: string, path: string, body?: object): Promise<T> {
    return askAsOwner({ url: this.url, credential: this.#credential }, method, path, body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const leave = ['--ignore-not-found', '--wait=true'];
    await kubectl(['delete', 'namespace', MANAGER, SESSIONS, ...leave], GONE_MS);
    const ours = ['-l', `app.kubernetes.io/name=${MANAGER}`];
    await kubectl(['delete', 'persistentvolume', ...ours, ...leave], GONE_MS);
    await kubectl(['delete', 'priorityclass', MANAGER, `${MANAGER}-instance`, ...leave], GONE_MS);
    if (this.#images.length > 0) await docker(['image', 'rm', ...this.#images.toReversed()]);
    rmSync(this.#here, { recursive: true, force: true });
    rmSync(this.#overlay, { recursive: true });
  }
}
