import type { V1Pod } from '@kubernetes/client-node';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Instance } from '../../core/runtime.ts';
import { within } from '../../core/within.ts';
import type { Marked } from '../labels.ts';
import { lastWords, REASON_LINES } from '../last-words.ts';
import type { Slot, Slots } from '../slots.ts';
import type { Cluster } from './cluster.ts';
import { readMarks, selectorFor } from './marks.ts';
import { podNameOf } from './names.ts';
import { HOST_PORT } from './pod-spec.ts';
import { type PodState, stateOf } from './pod-state.ts';
import { PodWatch } from './pod-watch.ts';

/** How often a Pod is looked at of which nothing is heard, milliseconds. */
const LOOK_MS = 500;
/** How much longer than its grace a node may take to end a Pod, milliseconds. */
const ENDING_MS = 20_000;
/** How long its node may take to say what an ended Pod said last, milliseconds. */
const LAST_WORDS_MS = 2_000;
/** As a Pod's unique id is shown. */
const SHORT_UID = 8;

/** A Pod of this deployment's. */
export interface Found {
  readonly name: string;
  readonly uid: string;
  readonly marked: Marked;
  /** Empty: it has none yet. */
  readonly address: string;
  readonly state: PodState;
}

export interface PodsOptions {
  readonly cluster: Cluster;
  readonly slots: Slots;
  readonly deployment: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Nothing more is asked of them. */
  readonly over: AbortSignal;
}

/** The Pods of one deployment: each is one slot's. Lists are the truth; a watch saves asking for each Pod. */
export class Pods {
  readonly #options: PodsOptions;
  readonly #watch: PodWatch;

  constructor(options: PodsOptions) {
    this.#options = options;
    this.#watch = new PodWatch({ ...options, labels: selectorFor(options.deployment) });
  }

  /** Those that there are, read from the cluster. */
  async all(): Promise<{ readonly slot: Slot; readonly found: Found }[]> {
    const { cluster, slots, deployment } = this.#options;
    const page = await cluster.listPods(selectorFor(deployment));
    this.#watch.listed(page);
    return page.pods.flatMap((pod) => {
      const marked = readMarks(deployment, pod);
      const slot = marked && slots.find(`${marked.labels.session}/${marked.labels.server}`);
      const found = slot && this.#foundIn(slot, pod);
      return found ? [{ slot, found }] : [];
    });
  }

  /** The slot's Pod; one that is not this deployment's is none. */
  async find(slot: Slot): Promise<Found | undefined> {
    const name = podNameOf(this.#options.deployment, slot);
    const { pod } = this.#watch.look(name) ?? { pod: await this.#options.cluster.readPod(name) };
    return pod && this.#foundIn(slot, pod);
  }

  /** One that was just made. */
  made(slot: Slot, pod: V1Pod): Found {
    this.#watch.made(pod);
    return this.#foundIn(slot, pod) as Found;
  }

  /** Resolves when something has happened to some Pod, or before long. @throws the reason of `signal` */
  changed(signal: AbortSignal): Promise<void> {
    return this.#watch.changed(LOOK_MS, signal);
  }

  /**
   * Ends this very Pod: who was held up since it was found may meet its successor's under the same name. Waits for its node to
   * say that it has ended; of a node that the cluster has given up nobody will, and gateways do not reach what runs there.
   */
  async remove(slot: Slot, { name, uid }: Found, graceMs: number): Promise<void> {
    const { cluster, clock, log, over } = this.#options;
    const graceS = Math.max(1, Math.ceil(graceMs / 1000));
    await cluster.deletePod(name, uid, graceS);
    let deadline = clock.now() + graceS * 1000 + ENDING_MS;
    let givenUp = false;
    for (let left = await this.find(slot); left?.uid === uid; left = await this.find(slot)) {
      if (clock.now() < deadline) {
        await this.changed(over);
        continue;
      }
      if (givenUp || left.state.is !== 'ended' || !left.state.lost)
        throw new AppError('server.busy', `The node of the Pod ${name} does not end it: see whether the node is well`);
      log.warn({ instance: slot.id, pod: name }, 'the Pod of a lost node is given up');
      await cluster.deletePod(name, uid, 0);
      givenUp = true;
      deadline += ENDING_MS;
    }
  }

  /** What a Pod that has ended said last, if its node can be asked soon. */
  async lastWords(found: Found, { lost }: Extract<PodState, { is: 'ended' }>): Promise<string> {
    if (lost) return '';
    const late = () => new Error('its node does not give its log');
    return within(this.#options.clock, LAST_WORDS_MS, late, () => this.said(found)).catch(() => '');
  }

  /** The end of what a Pod has said. */
  async said({ name }: Found): Promise<string> {
    return lastWords(await this.#options.cluster.logs(name, REASON_LINES));
  }

  #foundIn(slot: Slot, pod: V1Pod): Found | undefined {
    const marked = readMarks(this.#options.deployment, pod);
    const { name = '', uid = '' } = pod.metadata ?? {};
    if (marked?.labels.session !== slot.session || marked.labels.server !== slot.server) return undefined;
    return { name, uid, marked, address: pod.status?.podIP ?? '', state: stateOf(pod) };
  }
}

export function instanceOf({ id }: Slot, { name, uid, address, marked }: Found): Instance {
  const { labels, madeAt } = marked;
  const endpoint = { kind: 'tcp', host: address, port: HOST_PORT } as const;
  return { id, name: `${name}/${uid.slice(0, SHORT_UID)}`, endpoint, startedAt: madeAt, labels };
}
