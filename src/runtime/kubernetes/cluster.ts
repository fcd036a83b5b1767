import {
  CoreV1Api,
  type CoreV1Event,
  createConfiguration,
  KubeConfig,
  type RequestContext,
  type ResponseContext,
  ServerConfiguration,
  type V1Pod,
  type V1Secret,
  Watch,
} from '@kubernetes/client-node';
import { messageOf } from '../../core/errors.ts';
import { clusterError, isNameTaken, lacking, statusOf } from './cluster-errors.ts';
import type { PodPage } from './pod-cache.ts';
import { CONTAINER } from './pod-spec.ts';

/** How long an API server is waited for, milliseconds. */
const SILENCE_MS = 30_000;
/** Pods that are listed with one request. */
const PAGE = 500;
/**
 * How long one watch lasts, seconds: shortly before its end the server sends a bookmark, from where the next one goes on, and
 * the client would take a longer silence for a dead connection.
 */
const WATCH_S = 25;
/** What the client makes up where nothing names a cluster: a port that no API server has had since Kubernetes 1.20. */
const MADE_UP = 'http://localhost:8080';

/** Called with each event of a watch: its type, and the Pod, or for `ERROR` the server's `Status`. */
export type OnPodEvent = (type: string, object: V1Pod & { readonly code?: number }) => void;

/**
 * The Kubernetes API: what the runtime asks of it, one request each. `Not there` is a value; everything else that is not as
 * asked is thrown as an AppError (`clusterError`).
 */
export class Cluster {
  readonly #namespace: string;
  readonly #config: KubeConfig;
  readonly #api: CoreV1Api;

  /**
   * @param file a kubeconfig; absent: the cluster is found as every client does, by `$KUBECONFIG`, `~/.kube/config`, or the
   *   service account of its own Pod
   * @param silenceMs an API server that says nothing for so long does not answer
   * @throws AppError `runtime.unavailable` if none of them names one, or the file cannot be used
   */
  constructor(namespace: string, file?: string, silenceMs = SILENCE_MS) {
    this.#namespace = namespace;
    this.#config = configOf(file);
    const server = this.#config.getCurrentCluster()?.server;
    if (server === undefined || server === MADE_UP)
      throw lacking('cluster', `No Kubernetes cluster is named: ${NAME_ONE}`);
    this.#api = new CoreV1Api(
      createConfiguration({
        baseServer: new ServerConfiguration(server, {}),
        authMethods: { default: this.#config },
        promiseMiddleware: [{ pre: limitedTo(silenceMs), post: async (response: ResponseContext) => response }],
      }),
    );
  }

  /** @returns the Pod as it was made; undefined if its name is taken */
  async createPod(body: V1Pod): Promise<V1Pod | undefined> {
    const create = () =>
      this.#api.createNamespacedPod({ namespace: this.#namespace, body }).catch((error: unknown) => {
        if (isNameTaken(error)) return undefined;
        throw error;
      });
    return this.#asked(create, {});
  }

  async createSecret(body: V1Secret): Promise<void> {
    await this.#asked(() => this.#api.createNamespacedSecret({ namespace: this.#namespace, body }), {});
  }

  readPod(name: string): Promise<V1Pod | undefined> {
    return this.#asked(() => this.#api.readNamespacedPod({ namespace: this.#namespace, name }), { 404: undefined });
  }

  /** All Pods with these labels, whatever they do: a consistent list, and the version that it is of. */
  async listPods(labels: Readonly<Record<string, string>>): Promise<PodPage> {
    const pods: V1Pod[] = [];
    for (let next: string | undefined; ; ) {
      const { items, metadata } = await this.#asked(
        () =>
          this.#api.listNamespacedPod({
            namespace: this.#namespace,
            labelSelector: selectorOf(labels),
            limit: PAGE,
            ...(next === undefined ? {} : { _continue: next }),
          }),
        {},
      );
      pods.push(...items);
      next = metadata?._continue || undefined;
      if (next === undefined) return { pods, version: metadata?.resourceVersion ?? '' };
    }
  }

  /**
   * Tells of all that happens to Pods with these labels after `version`, until the server ends it or `signal` aborts.
   * @param onOpen called once the server has agreed
   * @returns the HTTP status that it was refused with; undefined: it was not refused, or there was no answer
   */
  async watchPods(
    labels: Readonly<Record<string, string>>,
    version: string,
    { onOpen, onEvent }: { readonly onOpen: () => void; readonly onEvent: OnPodEvent },
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    let over = false;
    const done = (error: unknown) => {
      over = true;
      resolve(error);
    };
    const path = `/api/v1/namespaces/${this.#namespace}/pods`;
    const query = {
      labelSelector: selectorOf(labels),
      resourceVersion: version,
      allowWatchBookmarks: true,
      timeoutSeconds: WATCH_S,
    };
    const request = await new Watch(this.#config).watch(path, query, onEvent, done);
    const end = () => request.abort();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    if (!over) onOpen();
    const error = await promise.finally(() => signal.removeEventListener('abort', end));
    return (error as { statusCode?: number } | null)?.statusCode;
  }

  /**
   * Has this very Pod end: SIGTERM, then SIGKILL after `graceS` seconds. It is there until its node says that it has ended,
   * unless `graceS` is 0.
   */
  async deletePod(name: string, uid: string, graceS: number): Promise<void> {
    const body = { gracePeriodSeconds: graceS, preconditions: { uid } };
    const end = () => this.#api.deleteNamespacedPod({ namespace: this.#namespace, name, body });
    // A conflict: the one under this name is another.
    await this.#asked(end, { 404: undefined, 409: undefined });
  }

  /** The lines of its log; none where its node cannot give it any more. @param tail how many of the last ones; all if absent */
  async logs(name: string, tail?: number): Promise<string[]> {
    const read = () =>
      this.#api.readNamespacedPodLog({
        namespace: this.#namespace,
        name,
        container: CONTAINER,
        ...(tail === undefined ? {} : { tailLines: tail }),
      });
    // 400: the container has not been started; 500: the node has removed it, or is gone.
    const text = await this.#asked(read, { 400: '', 404: '', 500: '', 502: '', 504: '' });
    const lines = (text ?? '').split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines;
  }

  /** The last warning that Kubernetes has about a Pod, for people; undefined if there is none. */
  async warning(uid: string): Promise<string | undefined> {
    const fieldSelector = `involvedObject.uid=${uid},type=Warning`;
    const { items } = await this.#asked(
      () => this.#api.listNamespacedEvent({ namespace: this.#namespace, fieldSelector, limit: PAGE }),
      {},
    );
    const last = items.toSorted((a, b) => timeOf(a) - timeOf(b)).at(-1);
    return last && `${last.reason}: ${last.message}`;
  }

  /** @param expected answers that are no errors: HTTP status -> what they mean */
  async #asked<T, E = never>(ask: () => Promise<T>, expected: Readonly<Record<number, E>>): Promise<T | E> {
    try {
      return await ask();
    } catch (error) {
      const status = statusOf(error);
      if (status !== undefined && status in expected) return expected[status] as E;
      throw clusterError(error, this.#namespace);
    }
  }
}

const NAME_ONE = 'set KUBECONFIG, or run the controller in a Pod with the token of its service account';

function configOf(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
  } catch (cause) {
    throw lacking('cluster', `The kubeconfig cannot be used (${messageOf(cause)}): ${NAME_ONE}`, cause);
  }
  return config;
}

function limitedTo(ms: number) {
  return async (request: RequestContext): Promise<RequestContext> => {
    request.setSignal(AbortSignal.timeout(ms));
    return request;
  };
}

function selectorOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function timeOf({ lastTimestamp, eventTime, firstTimestamp }: CoreV1Event): number {
  return (lastTimestamp ?? eventTime ?? firstTimestamp)?.getTime() ?? 0;
}
