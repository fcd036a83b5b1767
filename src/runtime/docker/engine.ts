import Docker, { type ContainerCreateOptions, type ContainerInfo, type ContainerInspectInfo } from 'dockerode';
import type { ResourceUsage } from '../../core/runtime.ts';
import { engineError, statusOf } from './engine-errors.ts';
import { logLines } from './log-lines.ts';

/** An engine that says nothing for so long does not answer, milliseconds. */
const SILENCE_MS = 60_000;
/** A stop waits for the container: it must come back before the silence is over, seconds. */
const LONGEST_GRACE_S = 50;
/** How the engine dates what has not happened. */
const NEVER = '0001-01-01';

/**
 * The Docker Engine: what the runtime asks of it, one request each. `Not there` is a value; everything else that is not as
 * asked is thrown as an AppError (`engineError`).
 */
export class Engine {
  readonly #docker: Docker;

  /** @param socket path of the engine's socket */
  constructor(socket: string) {
    this.#docker = new Docker({ socketPath: socket, timeout: SILENCE_MS });
  }

  /** @returns the container's id; undefined if its name is taken */
  create(options: ContainerCreateOptions): Promise<string | undefined> {
    const create = async () => (await this.#docker.createContainer(options)).id;
    return asked(create, { 409: undefined }, options.Image);
  }

  async start(container: string): Promise<void> {
    await asked(() => this.#docker.getContainer(container).start(), { 304: undefined });
  }

  inspect(container: string): Promise<ContainerInspectInfo | undefined> {
    return asked(() => this.#docker.getContainer(container).inspect(), { 404: undefined });
  }

  /** SIGTERM, then SIGKILL after `graceMs` milliseconds, to the full second; resolves when it does not run any more. */
  async stop(container: string, graceMs: number): Promise<void> {
    const t = Math.min(LONGEST_GRACE_S, Math.ceil(graceMs / 1000));
    await asked(() => this.#docker.getContainer(container).stop({ t }), { 304: undefined, 404: undefined });
  }

  /** Kills and removes it, with its volumes. False: somebody else is at it. */
  async remove(container: string): Promise<boolean> {
    const remove = async () => {
      await this.#docker.getContainer(container).remove({ force: true, v: true });
      return true;
    };
    return asked(remove, { 404: true, 409: false });
  }

  /** All containers with these labels, whatever they do. */
  list(labels: Readonly<Record<string, string>>): Promise<ContainerInfo[]> {
    const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    return asked(() => this.#docker.listContainers({ all: true, filters: { label } }), {});
  }

  /** @param tail how many of the last lines; all if absent */
  async logs(container: string, tail?: number): Promise<string[]> {
    const read = () =>
      this.#docker
        .getContainer(container)
        .logs({ stdout: true, stderr: true, ...(tail === undefined ? {} : { tail }) });
    return logLines(Buffer.from(await asked(read, { 404: Buffer.alloc(0), 409: Buffer.alloc(0) })));
  }

  /** Undefined if it does not run. */
  async usage(container: string): Promise<ResourceUsage | undefined> {
    const read = () => this.#docker.getContainer(container).stats({ stream: false, 'one-shot': true });
    const stats = await asked(read, { 404: undefined, 409: undefined });
    const pids = stats?.pids_stats?.current;
    if (!stats || stats.read.startsWith(NEVER) || !pids) return undefined;
    const { usage, stats: parts } = stats.memory_stats;
    // The page cache that goes as soon as memory is short does not count (as in `docker stats`).
    const cache = parts.inactive_file ?? parts.total_inactive_file ?? 0;
    return {
      cpuSeconds: stats.cpu_stats.cpu_usage.total_usage / 1e9,
      memoryBytes: Math.max(0, usage - cache),
      pids,
    };
  }
}

/** @param expected answers that are no errors: HTTP status -> what they mean */
async function asked<T, E>(ask: () => Promise<T>, expected: Readonly<Record<number, E>>, image = ''): Promise<T | E> {
  try {
    return await ask();
  } catch (error) {
    const status = statusOf(error);
    if (status !== undefined && status in expected) return expected[status] as E;
    throw engineError(error, image);
  }
}
