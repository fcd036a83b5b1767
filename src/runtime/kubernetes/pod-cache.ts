import type { V1Pod } from '@kubernetes/client-node';

/** A consistent list of Pods. */
export interface PodPage {
  readonly pods: readonly V1Pod[];
  /** The resource version that it is of: a watch goes on from there. */
  readonly version: string;
}

/**
 * What is known of a deployment's Pods: the last list, and what has happened since. Of two words about the same Pod the newer
 * one counts, whichever comes last: versions of resources of one kind grow (Kubernetes API concepts, "Resource versions").
 */
export class PodCache {
  readonly #pods = new Map<string, V1Pod>();
  /** From where a watch goes on; undefined: from a new list. */
  version: string | undefined;

  get(name: string): V1Pod | undefined {
    return this.#pods.get(name);
  }

  /** A list is the truth of its version; what is known to be newer stays. */
  replace({ pods, version }: PodPage): void {
    const at = numberOf(version);
    const names = new Set(pods.map(nameOf));
    for (const [name, pod] of this.#pods) if (!names.has(name) && versionOf(pod) <= at) this.#pods.delete(name);
    for (const pod of pods) this.#put(pod);
    this.version = version;
  }

  /**
   * A Pod as something else than the watch has shown it. One that the watch does not know and is past is gone by now: of its end
   * nothing more will be heard.
   */
  put(pod: V1Pod): void {
    if (this.#pods.has(nameOf(pod)) || versionOf(pod) > numberOf(this.version ?? '')) this.#put(pod);
  }

  #put(pod: V1Pod): void {
    const known = this.#pods.get(nameOf(pod));
    if (!known || versionOf(known) <= versionOf(pod)) this.#pods.set(nameOf(pod), pod);
  }

  /**
   * Takes in an event of a watch.
   * @returns false: the watch cannot go on from where it was, and there must be a new list
   */
  apply(type: string, object: V1Pod): boolean {
    if (type === 'ERROR') {
      this.version = undefined;
      return false;
    }
    this.version = object.metadata?.resourceVersion ?? this.version;
    if (type === 'DELETED') this.#remove(object);
    else if (type !== 'BOOKMARK') this.#put(object);
    return true;
  }

  /** The one of this name may be its successor. */
  #remove(pod: V1Pod): void {
    const known = this.#pods.get(nameOf(pod));
    if (known && versionOf(known) <= versionOf(pod)) this.#pods.delete(nameOf(pod));
  }
}

const nameOf = ({ metadata }: V1Pod): string => metadata?.name ?? '';
const versionOf = ({ metadata }: V1Pod): bigint => numberOf(metadata?.resourceVersion ?? '');
const numberOf = (version: string): bigint => (/^\d+$/.test(version) ? BigInt(version) : 0n);
