import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Docker, { type ContainerInfo } from 'dockerode';
import type { CatalogueEntry } from '../../src/core/catalogue.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Instance } from '../../src/core/runtime.ts';
import { DockerRuntime, type DockerRuntimeOptions } from '../../src/runtime/docker/docker-runtime.ts';
import { LABEL } from '../../src/runtime/labels.ts';
import type { RuntimePlace } from '../contract/runtime.ts';
import type { HostBehaviour } from '../fakes/fake-host.ts';
import { hurriedClock, silentLog } from './process-place.ts';

/** Any with a Node that runs TypeScript. */
const IMAGE = 'node:24-bookworm-slim';
export const ENGINE = '/var/run/docker.sock';
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
/** Where the tests' own host finds its sources. */
const SOURCES = '/repository';

export interface DockerPlace extends RuntimePlace {
  readonly deployment: string;
  readonly socketRoot: string;
  readonly docker: Docker;
  runtime(behaviour?: HostBehaviour, options?: Partial<DockerRuntimeOptions>): DockerRuntime;
  containers(): Promise<ContainerInfo[]>;
}

/** An entry of the catalogue whose container can run the tests' host. */
export function entryOf(name: string, more: Partial<CatalogueEntry> = {}): CatalogueEntry {
  const mounts = [{ source: REPOSITORY, target: SOURCES, readOnly: true }];
  const rest = { args: [], env: {}, variables: [], files: {} };
  return { name, transport: 'stdio', command: 'none', ...rest, mounts, ...more };
}

/** A deployment of its own on this machine's engine, with the tests' own host in its containers. */
export async function openDockerPlace(): Promise<DockerPlace> {
  const deployment = `test-${randomBytes(5).toString('hex')}`;
  // Short, for sockets; and where nobody but this user can put anything.
  const directory = await realpath(await mkdtemp('/tmp/d-'));
  await chmod(directory, 0o755);
  const workspace = join(directory, 'work');
  await mkdir(workspace);
  const docker = new Docker({ socketPath: ENGINE });
  const containers = () =>
    docker.listContainers({ all: true, filters: { label: [`${LABEL.deployment}=${deployment}`] } });
  const socketRoot = join(directory, 's');
  const runtime: DockerPlace['runtime'] = (behaviour = 'good', options = {}) =>
    new DockerRuntime({
      engineSocket: ENGINE,
      deployment,
      image: IMAGE,
      // Both into one stream, so that their order is certain.
      hostCommand: ['sh', '-c', `exec node ${SOURCES}/test/fakes/fake-host.ts ${behaviour} "$@" 2>&1`, 'sh'],
      socketRoot,
      group: process.getgid?.() ?? 0,
      limits: { memoryBytes: 256 << 20, cpus: 1, pids: 100 },
      allowBridge: false,
      egressSocket: join(directory, 'egress', 'egress.sock'),
      catalogue: new Map(['filesystem', 'proxmox'].map((name) => [name, entryOf(name)])),
      clock: behaviour === 'deaf' ? hurriedClock : systemClock,
      log: silentLog,
      ...options,
    });
  return {
    deployment,
    socketRoot,
    docker,
    containers,
    runtime,
    workspace,
    findsRunaways: true,
    left: async () => (await containers()).map(({ Id }) => Id),
    crash: async ({ name }: Instance) => {
      await docker.getContainer(name).kill();
      await docker.getContainer(name).wait();
    },
    [Symbol.asyncDispose]: async () => {
      for (const { Id } of await containers()) await docker.getContainer(Id).remove({ force: true, v: true });
      await rm(directory, { recursive: true, force: true });
    },
  };
}
