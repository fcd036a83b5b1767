import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ContainerInspectInfo } from 'dockerode';
import type { Catalogue } from '../../core/catalogue.ts';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import type {
  Instance,
  InstanceId,
  InstanceSpec,
  InstanceStatus,
  LogOptions,
  ResourceUsage,
  Runtime,
} from '../../core/runtime.ts';
import type { Endpoint } from '../../core/session.ts';
import { LABEL, type Marked, readLabels } from '../labels.ts';
import { endReason, lastWords, REASON_LINES, startFailure } from '../last-words.ts';
import { untilListeningOrGone } from '../listening.ts';
import { SlotTurns } from '../slot-turns.ts';
import { type Slot, Slots } from '../slots.ts';
import { goesOn, REPLACE_GRACE_MS } from '../succession.ts';
import { type ContainerPolicy, containerOf } from './container-spec.ts';
import { endOf } from './end-of.ts';
import { Engine } from './engine.ts';
import { checkSocket, socketOf } from './socket-of.ts';
import { ownerOf } from './workspace.ts';

/** How often a container that does not listen yet is asked whether it still runs, milliseconds. */
const LOOK_MS = 200;
/** How long another's removal of the same container may take, and how often it is looked for, milliseconds. */
const REMOVAL_MS = 10_000;
const REMOVAL_LOOK_MS = 50;
/** As `docker ps` shows an id. */
const SHORT_ID = 12;

export interface DockerRuntimeOptions extends ContainerPolicy {
  /** Path of the engine's socket. */
  readonly engineSocket: string;
  /** Directory of the instances' sockets (see `Slots`): the same path for the engine, the controller and the gateways. */
  readonly socketRoot: string;
  /** Whose entries say what a server's container may have. */
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What there is in a slot. */
interface Found {
  readonly container: string;
  readonly instance: Instance;
  /** Why it does not run; undefined: it runs. */
  readonly end: string | undefined;
}

/**
 * Runs each instance as a container of the Docker Engine on this machine, with a host on a Unix socket in a directory that
 * is bound into it. All that it knows is in the containers' labels, so another controller of the same deployment goes on
 * where this one stopped. A container's name is made of deployment, session and server: there are never two of the same.
 */
export class DockerRuntime implements Runtime {
  readonly kind = 'docker';
  readonly #options: DockerRuntimeOptions;
  readonly #engine: Engine;
  readonly #slots: Slots;
  readonly #turns: SlotTurns<Slot>;

  constructor(options: DockerRuntimeOptions) {
    this.#options = options;
    this.#engine = new Engine(options.engineSocket);
    this.#slots = new Slots({
      root: options.socketRoot,
      group: options.group,
      settings: { root: 'socketRoot', group: 'socketGroup' },
    });
    this.#turns = new SlotTurns((id) => this.#slots.find(id));
  }

  start(spec: InstanceSpec, signal: AbortSignal): Promise<Instance> {
    return this.#turns.start(spec, signal, (slot, given) => this.#start(slot, spec, given));
  }

  async status(id: InstanceId): Promise<InstanceStatus> {
    const slot = this.#slots.find(id);
    const found = slot && (await this.#find(slot));
    return found ? this.#statusOf(found) : { phase: 'absent' };
  }

  stop(id: InstanceId, graceMs: number): Promise<void> {
    return this.#turns.stop(id, (slot) => this.#end(slot, graceMs));
  }

  async *list(): AsyncIterable<InstanceStatus & { phase: 'running' | 'dead' }> {
    for (const { Id, Labels, State } of await this.#engine.list({ [LABEL.deployment]: this.#options.deployment })) {
      const marked = readLabels(this.#options.deployment, Labels);
      const slot = marked && this.#slots.find(`${marked.labels.session}/${marked.labels.server}`);
      if (!slot) continue;
      if (State === 'running') {
        yield { phase: 'running', instance: instanceOf(Id, slot, marked) };
        continue;
      }
      // Only what has ended, which is rare, is asked why.
      const found = await this.#find(slot);
      if (found) yield await this.#statusOf(found);
    }
  }

  async *logs(id: InstanceId, { tail }: LogOptions): AsyncIterable<string> {
    const slot = this.#slots.find(id);
    const found = slot && tail !== 0 ? await this.#find(slot) : undefined;
    if (found) yield* await this.#engine.logs(found.container, tail);
  }

  async usage(id: InstanceId): Promise<ResourceUsage | undefined> {
    const slot = this.#slots.find(id);
    const found = slot && (await this.#find(slot));
    return found && found.end === undefined ? this.#engine.usage(found.container) : undefined;
  }

  async *kept(): AsyncIterable<SessionId> {
    yield* this.#slots.sessions();
  }

  async forget(session: SessionId): Promise<void> {
    const { deployment } = this.#options;
    const containers = await this.#engine.list({ [LABEL.session]: session });
    const uses = ({ Labels, Mounts }: (typeof containers)[number]) => {
      const slot = this.#slots.find(`${session}/${Labels[LABEL.server]}`);
      // Another deployment may have been given the same `socketRoot`.
      return Labels[LABEL.deployment] === deployment || Mounts.some(({ Source }) => Source === slot?.directory);
    };
    if (containers.some(uses))
      throw new AppError('server.busy', `A container of ${session} is still there: stop it first`);
    this.#slots.forget(session);
  }

  async #start(slot: Slot, spec: InstanceSpec, signal: AbortSignal): Promise<Instance> {
    const { clock, log } = this.#options;
    const began = clock.now();
    // Made without a look at what is there: mostly nothing is, and a name that is taken says so.
    const found = (await this.#make(slot, spec)) ?? (await this.#replace(slot, spec, signal));
    try {
      signal.throwIfAborted();
      if (found.end !== undefined) await this.#engine.start(found.container);
      await this.#listens(slot, signal);
      this.#slots.close(slot);
      log.debug({ instance: slot.id, container: found.instance.name, ms: clock.now() - began }, 'instance is ready');
      return found.instance;
    } catch (error) {
      throw await this.#undone(slot, found, signal.aborted ? signal.reason : error);
    }
  }

  /** A new container, which does not run yet; undefined: there is one. */
  async #make(slot: Slot, spec: InstanceSpec): Promise<Found | undefined> {
    const { catalogue, clock, egressSocket } = this.#options;
    const entry = catalogue.get(slot.server);
    if (entry?.network === 'egress' && !existsSync(dirname(egressSocket)))
      throw new AppError(
        'runtime.unavailable',
        `The egress proxy was never there (${egressSocket}): start the role egress`,
        {
          data: { lack: 'egress' },
        },
      );
    const place = { slot, name: this.#nameOf(slot), owner: await ownerOf(spec.workspace), madeAt: clock.now() };
    const options = containerOf(this.#options, spec, entry, place);
    checkSocket(slot);
    this.#slots.prepare(slot);
    const container = await this.#engine.create(options);
    if (container === undefined) return undefined;
    return { container, instance: instanceOf(container, slot, { ...spec, madeAt: place.madeAt }), end: 'new' };
  }

  /** What runs there already, if it is the very instance; else a new container in the place of what was there. */
  async #replace(slot: Slot, spec: InstanceSpec, signal: AbortSignal): Promise<Found> {
    const found = await this.#find(slot);
    if (found && goesOn({ ...found, runs: found.end === undefined }, spec.labels)) return found;
    if (found) await this.#remove(slot, found, REPLACE_GRACE_MS);
    signal.throwIfAborted();
    const made = await this.#make(slot, spec);
    if (made) return made;
    const name = this.#nameOf(slot);
    throw new AppError('server.busy', `The container ${name} is somebody else's: remove it, or rename the deployment`);
  }

  async #listens(slot: Slot, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    await untilListeningOrGone(endpointOf(slot), clock, signal, async (done) => {
      await clock.sleep(LOOK_MS, done);
      const found = await this.#find(slot);
      return found ? found.end : 'its container is gone';
    });
  }

  /** Removes what a start has left; returns the error that says why it failed. */
  async #undone(slot: Slot, found: Found, error: unknown): Promise<unknown> {
    const failed = error instanceof AppError && error.code === 'server.failed';
    const said = failed ? await this.#said(found).catch(() => '') : '';
    await this.#remove(slot, found, 0);
    return failed ? startFailure(slot.server, error, said) : error;
  }

  async #said({ container }: Found): Promise<string> {
    return lastWords(await this.#engine.logs(container, REASON_LINES));
  }

  async #end(slot: Slot, graceMs: number): Promise<void> {
    const found = await this.#find(slot);
    if (found) await this.#remove(slot, found, graceMs);
    else this.#slots.remove(slot);
  }

  /** Ends this very container: who was held up since it was found may meet its successor's under the same name. */
  async #remove(slot: Slot, { container, end }: Found, graceMs: number): Promise<void> {
    const { clock } = this.#options;
    if (end === undefined && graceMs > 0) await this.#engine.stop(container, graceMs);
    const deadline = clock.now() + REMOVAL_MS;
    while (!(await this.#engine.remove(container))) {
      if (clock.now() >= deadline)
        throw new AppError('server.busy', `The container ${this.#nameOf(slot)} cannot be removed: see what holds it`);
      await clock.sleep(REMOVAL_LOOK_MS);
    }
    if (!(await this.#find(slot))) this.#slots.remove(slot);
  }

  async #statusOf(found: Found): Promise<Exclude<InstanceStatus, { phase: 'absent' }>> {
    const { instance, end } = found;
    if (end === undefined) return { phase: 'running', instance };
    const said = await this.#said(found);
    return { phase: 'dead', instance, reason: endReason(end, said) };
  }

  /** The slot's container; one that is not this deployment's is none. */
  async #find(slot: Slot): Promise<Found | undefined> {
    const info: ContainerInspectInfo | undefined = await this.#engine.inspect(this.#nameOf(slot));
    const marked = info && readLabels(this.#options.deployment, info.Config.Labels);
    if (!info || marked?.labels.session !== slot.session || marked.labels.server !== slot.server) return undefined;
    return { container: info.Id, instance: instanceOf(info.Id, slot, marked), end: endOf(info) };
  }

  #nameOf({ session, server }: Slot): string {
    return `${this.#options.deployment}.${session}.${server}`;
  }
}

function endpointOf(slot: Slot): Endpoint {
  return { kind: 'unix', path: socketOf(slot) };
}

function instanceOf(container: string, slot: Slot, { labels, madeAt }: Marked): Instance {
  return { id: slot.id, name: container.slice(0, SHORT_ID), endpoint: endpointOf(slot), startedAt: madeAt, labels };
}
