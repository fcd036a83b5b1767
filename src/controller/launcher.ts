import type { HostControl } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { ServerName } from '../core/ids.ts';
import type { Lease } from '../core/lease.ts';
import type { Instance } from '../core/runtime.ts';
import type { SessionRecord } from '../core/session.ts';
import { within } from '../core/within.ts';
import type { InstanceKeys } from '../sessions/instance-keys.ts';
import { type AssignmentContext, assignmentOf } from './assignment.ts';
import type { Instances } from './instances.ts';

export interface LauncherOptions extends AssignmentContext {
  readonly hosts: Pick<HostControl, 'configure'>;
  readonly keys: InstanceKeys;
  readonly clock: Clock;
  /** How long a start may take, from its turn until the host has its assignment, milliseconds. */
  readonly startMs: number;
  /** How long an instance may take to end by itself, milliseconds. */
  readonly graceMs: number;
}

/** Starts instances, and hands their hosts what they are to do. */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #instances: Pick<Instances, 'start'>;
  readonly #lease: Pick<Lease, 'epoch'>;

  constructor(options: LauncherOptions, instances: Pick<Instances, 'start'>, lease: Pick<Lease, 'epoch'>) {
    this.#options = options;
    this.#instances = instances;
    this.#lease = lease;
  }

  /**
   * Resolves when the instance's host has its assignment. Throws what the runtime and the host throw, also when it takes too long.
   * @param unwanted aborts when it is no longer wanted
   * @param stop the manager ends: the start is given up, and what it has begun is left to the next one
   */
  async launch(
    record: SessionRecord,
    name: ServerName,
    incarnation: number,
    unwanted: AbortSignal,
    stop: AbortSignal,
  ): Promise<Instance> {
    const { clock, hosts, keys, startMs, graceMs } = this.#options;
    const assignment = await assignmentOf(this.#options, record, name, incarnation);
    const { id: session, owner, nonce, maxAt: deadline, workspace } = record;
    const labels = { session, server: name, owner, nonce, incarnation, epoch: this.#lease.epoch, deadline };
    let runs = false;
    const late = () => lateStart(runs, startMs);
    let task: Promise<Instance> | undefined;
    const launch = (signal: AbortSignal) => {
      task = this.#instances.start({ labels, workspace }, signal).then(async (instance) => {
        runs = true;
        await hosts.configure(instance.endpoint, keys.secretOf(record, name, incarnation), assignment, signal);
        return instance;
      });
      return task;
    };
    const giveUp = new AbortController();
    const launched = () => within(clock, startMs, late, launch, AbortSignal.any([giveUp.signal, unwanted]));
    try {
      return await within(clock, startMs + graceMs, late, launched, stop);
    } catch (error) {
      // What was begun is cleared away. Without this it would meet its successor.
      const settled = async () => void (await task?.catch(() => {}));
      await within(clock, graceMs / 2, late, settled).catch(() => {});
      // Only now: if it is this manager that ends, the next one goes on with the instance, and may have it in use already.
      giveUp.abort(error);
      await within(clock, graceMs / 2, late, settled).catch(() => {});
      throw error;
    }
  }
}

/**
 * A start took too long. A runtime gives up on a host that does not come up, and sooner: while it has said nothing, it is what
 * servers run on that hangs, and not the server.
 */
function lateStart(runs: boolean, startMs: number): AppError {
  const seconds = Math.round(startMs / 1000);
  if (runs) return new AppError('server.failed', `it was not ready within ${seconds} s`);
  return new AppError('runtime.unavailable', `what servers run on has not started it within ${seconds} s`);
}
