import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Catalogue } from '../../core/catalogue.ts';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { SessionId } from '../../core/ids.ts';
import { linkKeyOf } from '../../core/link-tls.ts';
import type { Logger } from '../../core/logger.ts';
import type {
  Instance,
  InstanceId,
  InstanceLabels,
  InstanceSpec,
  InstanceStatus,
  LogOptions,
  ResourceUsage,
  Runtime,
} from '../../core/runtime.ts';
import { endReason, startFailure } from '../last-words.ts';
import { untilListeningOrGone } from '../listening.ts';
import { SlotTurns } from '../slot-turns.ts';
import { type Slot, Slots } from '../slots.ts';
import { goesOn, REPLACE_GRACE_MS } from '../succession.ts';
import { Cluster } from './cluster.ts';
import { lacking } from './cluster-errors.ts';
import { selectorFor } from './marks.ts';
import { podNameOf } from './names.ts';
import { type PodPlace, type PodPolicy, podOf, secretOf } from './pod-spec.ts';
import type { PodState } from './pod-state.ts';
import { type Found, instanceOf, Pods } from './pods.ts';

/** How long a Pod may wait for a node with room for it, or for anything else, milliseconds: a cluster may grow meanwhile. */
const PLACE_MS = 60_000;

export interface KubernetesRuntimeOptions extends PodPolicy {
  /** Path of the kubeconfig; absent: the cluster is found as every client does. */
  readonly kubeConfig?: string;
  /** Where this program sees the root of `stateClaim`, absolute. */
  readonly stateRoot: string;
  /** Whose entries say what a server's Pod may have. */
  readonly catalogue: Catalogue;
  /** The instance's secret. */
  readonly secretOf: (labels: InstanceLabels) => string;
  /** What a running instance says that it uses. */
  readonly usageOf: (instance: Instance) => Promise<ResourceUsage | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Nothing more is asked of this runtime. */
  readonly over: AbortSignal;
}

/**
 * Runs each instance as a Pod of one container, whose host listens on the Pod's address. All that it knows is in the Pods'
 * annotations, so another controller of the same deployment goes on where this one stopped. A Pod's name is made of deployment,
 * session and server: there are never two of the same.
 */
export class KubernetesRuntime implements Runtime {
  readonly kind = 'kubernetes';
  readonly #options: KubernetesRuntimeOptions;
  readonly #cluster: Cluster;
  readonly #pods: Pods;
  readonly #slots: Slots;
  readonly #turns: SlotTurns<Slot>;

  /** @throws AppError `runtime.unavailable` if no cluster is named */
  constructor(options: KubernetesRuntimeOptions) {
    this.#options = options;
    this.#cluster = new Cluster(options.namespace, options.kubeConfig);
    this.#slots = new Slots({
      root: join(options.stateRoot, options.deployment),
      group: options.group,
      settings: { root: 'stateRoot', group: 'socketGroup' },
    });
    this.#turns = new SlotTurns((id) => this.#slots.find(id));
    this.#pods = new Pods({ ...options, cluster: this.#cluster, slots: this.#slots });
  }

  start(spec: InstanceSpec, signal: AbortSignal): Promise<Instance> {
    return this.#turns.start(spec, signal, (slot, given) => this.#start(slot, spec, given));
  }

  async status(id: InstanceId): Promise<InstanceStatus> {
    const slot = this.#slots.find(id);
    const found = slot && (await this.#pods.find(slot));
    return found ? this.#statusOf(slot, found) : { phase: 'absent' };
  }

  stop(id: InstanceId, graceMs: number): Promise<void> {
    return this.#turns.stop(id, (slot) => this.#end(slot, graceMs));
  }

  async *list(): AsyncIterable<InstanceStatus & { phase: 'running' | 'dead' }> {
    for (const { slot, found } of await this.#pods.all()) yield await this.#statusOf(slot, found);
  }

  async *logs(id: InstanceId, { tail }: LogOptions): AsyncIterable<string> {
    const slot = this.#slots.find(id);
    const found = slot && tail !== 0 ? await this.#pods.find(slot) : undefined;
    if (found) yield* await this.#cluster.logs(found.name, tail);
  }

  async usage(id: InstanceId): Promise<ResourceUsage | undefined> {
    const status = await this.status(id);
    return status.phase === 'running' ? this.#options.usageOf(status.instance) : undefined;
  }

  async *kept(): AsyncIterable<SessionId> {
    if (this.#leaves) yield* this.#slots.sessions();
  }

  async forget(session: SessionId): Promise<void> {
    const { pods } = await this.#cluster.listPods(selectorFor(this.#options.deployment, session));
    if (pods.length > 0) throw new AppError('server.busy', `A Pod of ${session} is still there: stop it first`);
    if (this.#leaves) this.#slots.forget(session);
  }

  /** Whether instances leave something to their successors. */
  get #leaves(): boolean {
    return this.#options.stateClaim !== '';
  }

  async #start(slot: Slot, spec: InstanceSpec, signal: AbortSignal): Promise<Instance> {
    const { clock, log } = this.#options;
    const began = clock.now();
    // Made without a look at what is there: mostly nothing is, and a name that is taken says so.
    const found = (await this.#make(slot, spec)) ?? (await this.#replace(slot, spec, signal));
    try {
      const instance = await this.#untilRunning(slot, found, signal);
      await this.#listens(slot, found, instance, signal);
      if (this.#leaves) this.#slots.close(slot);
      log.debug({ instance: slot.id, pod: instance.name, ms: clock.now() - began }, 'instance is ready');
      return instance;
    } catch (error) {
      throw await this.#undone(slot, found, signal.aborted ? signal.reason : error);
    }
  }

  /** A new Pod, which does not run yet; undefined: there is one. */
  async #make(slot: Slot, spec: InstanceSpec): Promise<Found | undefined> {
    const { catalogue, clock, deployment } = this.#options;
    const name = podNameOf(deployment, slot);
    const secret = `${name}-${randomBytes(5).toString('hex')}`;
    const place: PodPlace = { slot, name, secret, madeAt: clock.now() };
    const body = podOf(this.#options, spec, catalogue.get(slot.server), place);
    if (this.#leaves) this.#slots.prepare(slot);
    const pod = await this.#cluster.createPod(body);
    if (!pod) return undefined;
    const found = this.#pods.made(slot, pod);
    // After its Pod, which owns it: one that came before would need another right to be given an owner, and would be left behind if
    // nobody lived to do that. The Pod waits for it, and this takes less time than it takes to find it a node.
    try {
      const key = linkKeyOf(this.#options.secretOf(spec.labels));
      await this.#cluster.createSecret(secretOf(this.#options, place, found.uid, key));
    } catch (error) {
      await this.#remove(slot, found, 0);
      throw error;
    }
    return found;
  }

  /** What runs there already, if it is the very instance; else a new Pod in the place of what was there. */
  async #replace(slot: Slot, spec: InstanceSpec, signal: AbortSignal): Promise<Found> {
    const found = await this.#pods.find(slot);
    const runs = found?.state.is === 'running';
    if (found && goesOn({ instance: instanceOf(slot, found), runs }, spec.labels)) return found;
    if (found) await this.#remove(slot, found, REPLACE_GRACE_MS);
    signal.throwIfAborted();
    const made = await this.#make(slot, spec);
    if (made) return made;
    const name = podNameOf(this.#options.deployment, slot);
    throw new AppError('server.busy', `The Pod ${name} is somebody else's: remove it, or rename the deployment`);
  }

  async #untilRunning(slot: Slot, { uid }: Found, signal: AbortSignal): Promise<Instance> {
    const { clock } = this.#options;
    const deadline = clock.now() + PLACE_MS;
    for (;;) {
      signal.throwIfAborted();
      const found = await this.#pods.find(slot);
      if (found?.uid !== uid) throw new AppError('server.failed', 'its Pod is gone');
      const { state } = found;
      if (state.is === 'running') return instanceOf(slot, found);
      const late = clock.now() >= deadline;
      if (state.is === 'ended' || state.hopeless || late) throw await this.#whyNot(uid, state, late);
      await this.#pods.changed(signal);
    }
  }

  async #whyNot(uid: string, state: Exclude<PodState, { is: 'running' }>, late: boolean): Promise<AppError> {
    if (state.lack) return lacking(state.lack, `Kubernetes cannot start it: ${state.why}`);
    if (!late) return new AppError('server.failed', state.why);
    const warning = await this.#cluster.warning(uid);
    return lacking('node', `Kubernetes has not started it within ${PLACE_MS / 1000} s: ${warning ?? state.why}`);
  }

  async #listens(slot: Slot, { uid }: Found, { endpoint }: Instance, signal: AbortSignal): Promise<void> {
    await untilListeningOrGone(endpoint, this.#options.clock, signal, async (done) => {
      await this.#pods.changed(done);
      const found = await this.#pods.find(slot);
      if (found?.uid !== uid) return 'its Pod is gone';
      return found.state.is === 'ended' ? found.state.why : undefined;
    });
  }

  /** Removes what a start has left; returns the error that says why it failed. */
  async #undone(slot: Slot, found: Found, error: unknown): Promise<unknown> {
    const failed = error instanceof AppError && error.code === 'server.failed';
    const said = failed ? await this.#pods.said(found).catch(() => '') : '';
    await this.#remove(slot, found, 0);
    return failed ? startFailure(slot.server, error, said) : error;
  }

  async #end(slot: Slot, graceMs: number): Promise<void> {
    const found = await this.#pods.find(slot);
    if (found) await this.#remove(slot, found, graceMs);
    else if (this.#leaves) this.#slots.remove(slot);
  }

  async #remove(slot: Slot, found: Found, graceMs: number): Promise<void> {
    await this.#pods.remove(slot, found, graceMs);
    if (this.#leaves && !(await this.#pods.find(slot))) this.#slots.remove(slot);
  }

  async #statusOf(slot: Slot, found: Found): Promise<Exclude<InstanceStatus, { phase: 'absent' }>> {
    const instance = instanceOf(slot, found);
    if (found.state.is === 'running') return { phase: 'running', instance };
    if (found.state.is === 'starting') return { phase: 'dead', instance, reason: found.state.why, unbegun: true };
    const said = await this.#pods.lastWords(found, found.state);
    return { phase: 'dead', instance, reason: endReason(found.state.why, said) };
  }
}
