import { chown, lstat, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { HostAssignment } from '../../src/core/channel.ts';
import type { Instance } from '../../src/core/runtime.ts';
import { HttpHostControl } from '../../src/link/http-host-control.ts';
import { LABEL } from '../../src/runtime/labels.ts';
import { specOf } from '../contract/runtime.ts';
import { type DockerPlace, entryOf, openDockerPlace } from '../support/docker-place.ts';
import { eventually } from '../support/eventually.ts';
import { execIn } from '../support/exec-in.ts';
import { requires } from '../support/requires.ts';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const never = new AbortController().signal;
const SECRET = 'b2-very-secret-0123456789';
const isRoot = process.getuid?.() === 0;
/** A developer who is neither root nor the controller, where this can be arranged. */
const DEVELOPER = isRoot ? { uid: 4242, gid: 4343 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

interface Found {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: string;
  readonly seccomp: string;
  readonly interfaces: readonly string[];
  readonly writes: Readonly<Record<string, string>>;
  readonly raised: string;
  readonly program: string;
  readonly configuration: string;
  readonly internet: string;
  readonly engine: string;
  readonly sockets: readonly string[];
  readonly own: readonly string[];
  readonly forks: { readonly made: number; readonly end: string };
  readonly environment: Readonly<Record<string, string>>;
}

requires('docker')('the sandbox of an instance', () => {
  let place: DockerPlace;
  beforeEach(async () => {
    place = await openDockerPlace();
    await chown(place.workspace, DEVELOPER.uid, DEVELOPER.gid);
  });
  afterEach(() => place[Symbol.asyncDispose]());

  const start = (runtime = place.runtime(), session?: string): Promise<Instance> =>
    runtime.start(specOf(session === undefined ? {} : { session }, place.workspace), never);
  const inspect = ({ name }: Instance) => place.docker.getContainer(name).inspect();
  const prisoner = async ({ name }: Instance, ...sockets: string[]): Promise<Found> =>
    JSON.parse(await execIn(place.docker, name, ['node', '/repository/test/fakes/prisoner.ts', ...sockets]));

  it('is what the engine was told', async () => {
    const instance = await start();
    const { Config, HostConfig, Mounts } = await inspect(instance);
    const group = process.getgid?.();
    expect(Config).toMatchObject({ User: `${DEVELOPER.uid}:${DEVELOPER.gid}`, StopSignal: 'SIGTERM' });
    expect(HostConfig).toMatchObject({
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      Privileged: false,
      CapAdd: null,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      GroupAdd: [String(group)],
      Memory: 256 << 20,
      MemorySwap: 256 << 20,
      NanoCpus: 1e9,
      PidsLimit: 100,
      Init: true,
      PidMode: '',
      IpcMode: 'private',
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      LogConfig: { Type: 'local', Config: { 'max-size': '5m', 'max-file': '2' } },
      PortBindings: null,
      Devices: null,
      Tmpfs: {
        '/tmp': 'rw,noexec,nosuid,nodev,size=64m,mode=1777',
        '/config': `rw,noexec,nosuid,nodev,size=32m,mode=0700,uid=${DEVELOPER.uid},gid=${DEVELOPER.gid}`,
      },
    });
    expect(Mounts.map(({ Type, Destination, RW }) => [Type, Destination, RW]).sort()).toEqual(
      [
        ['bind', '/repository', false],
        ['bind', '/run/host', true],
        ['bind', place.workspace, true],
      ].sort(),
    );
    expect(Config.Labels).toEqual({
      [LABEL.deployment]: place.deployment,
      [LABEL.made]: String(instance.startedAt),
      [LABEL.session]: instance.labels.session,
      [LABEL.server]: 'filesystem',
      [LABEL.owner]: 'olga',
      [LABEL.nonce]: 'nonce',
      [LABEL.incarnation]: '1001',
      [LABEL.epoch]: '1',
      [LABEL.deadline]: '4000000000000',
    });
  });

  it('holds from inside', async () => {
    const runtime = place.runtime();
    const other = await start(runtime, 'pts_2-abcdefghijklmnop');
    const instance = await start(runtime);
    const othersSocket = other.endpoint.kind === 'unix' ? other.endpoint.path : '';
    const found = await prisoner(instance, othersSocket, '/var/run/docker.sock', '/run/host/host.sock');
    expect(found).toMatchObject(DEVELOPER);
    expect(found.groups).toContain(process.getgid?.());
    expect(found.capabilities).toEqual(Array(3).fill('0000000000000000'));
    expect(found.noNewPrivileges).toBe('1');
    expect(found.seccomp).toBe('2');
    expect(found.interfaces).toEqual(['lo']);
    expect(found.internet).toBe('ENETUNREACH');
    expect(found.engine).toBe('ENETUNREACH');
    expect(found.writes).toEqual({
      '/x': 'EROFS',
      '/etc/x': 'EROFS',
      '/usr/local/bin/x': 'EROFS',
      '/run/x': 'EROFS',
      '/run/host/x': isRoot ? 'EACCES' : 'done',
      '/run/host/calls': isRoot ? 'EACCES' : 'done',
      '/run/host/audit': isRoot ? 'EACCES' : 'done',
    });
    if (isRoot) expect(found.raised).toBe('EPERM');
    expect(found.program).toBe('EACCES');
    expect(found.configuration).toBe('EACCES');
    expect(found.sockets).toEqual(['ENOENT', 'ENOENT', 'connected']);
    expect(found.own).toContain('host.sock');
    expect(found.forks.end).toBe('EAGAIN');
    expect(found.forks.made).toBeLessThan(100);
    expect(await runtime.status(instance.id)).toMatchObject({ phase: 'running' });
    expect(
      Object.keys(found.environment)
        .filter((name) => name.startsWith('MCP_'))
        .sort(),
    ).toEqual(['MCP_CONFIG_DIR', 'MCP_SESSION_ID']);
  });

  it('has a socket that the group reaches, in a directory of its own', async () => {
    const { endpoint } = await start();
    const socket = endpoint.kind === 'unix' ? endpoint.path : '';
    const directory = join(place.socketRoot, specOf().labels.session, 'filesystem');
    expect(socket).toBe(join(directory, 'host.sock'));
    const group = process.getgid?.();
    expect(await lstat(socket)).toMatchObject({ uid: DEVELOPER.uid, gid: group });
    expect((await lstat(socket)).mode & 0o7777).toBe(0o660);
    const modes = [place.socketRoot, dirname(directory), directory].map(
      async (path) => (await lstat(path)).mode & 0o7777,
    );
    expect(await Promise.all(modes)).toEqual([0o2770, 0o2750, 0o2750]);
    expect((await readdir(directory)).sort()).toEqual(['audit', 'calls', 'host.sock']);
    // What the host has opened it can write to; a server beside it cannot open it.
    for (const name of ['audit', 'calls']) {
      expect(await lstat(join(directory, name))).toMatchObject({ uid: process.getuid?.(), gid: group });
      expect((await lstat(join(directory, name))).mode & 0o7777).toBe(0o640);
    }
  });

  it("keeps what the host is told in memory, and its files are the developer's", async () => {
    const mounts = [{ source: DIST, target: '/app/dist', readOnly: true }];
    const runtime = place.runtime('good', {
      hostCommand: ['node', '/app/dist/main.js', 'host'],
      catalogue: new Map([['filesystem', entryOf('filesystem', { mounts })]]),
    });
    const instance = await start(runtime);
    const script = `require('fs').writeFileSync('made.txt', process.env.TOKEN); setInterval(() => {}, 1000)`;
    const assignment: HostAssignment = {
      session: instance.labels.session,
      server: 'filesystem',
      launch: { kind: 'stdio', command: '${node}', args: ['-e', script], env: { TOKEN: SECRET } },
      variables: { TOKEN: SECRET },
      files: { 'settings.json': `{"token":"${SECRET}"}` },
      workspace: place.workspace,
      deadline: Date.now() + 60_000,
      record: '',
      limits: {
        ...{ logBytes: 1 << 20, logAgeMs: 60_000, keys: 16, children: 2 },
        ...{ childIdleMs: 60_000, initializeMs: 5000, parkedMs: 900_000, abandonedMs: 60_000 },
      },
    };
    await new HttpHostControl().configure(instance.endpoint, SECRET, assignment, never);
    const made = join(place.workspace, 'made.txt');
    expect(await eventually('the server has made its file', () => lstat(made))).toMatchObject(DEVELOPER);
    const { name } = instance;
    expect(await execIn(place.docker, name, ['cat', '/config/settings.json'])).toContain(SECRET);
    expect(JSON.stringify(await inspect(instance))).not.toContain(SECRET);
    expect(await execIn(place.docker, name, ['env'])).not.toContain(SECRET);
    expect(await execIn(place.docker, name, ['sh', '-c', 'cat /proc/[0-9]*/cmdline'])).not.toContain(SECRET);
    expect(
      await execIn(place.docker, name, ['sh', '-c', 'cat /proc/1/environ; tr -d a </proc/1/environ']),
    ).not.toContain(SECRET);
    await writeFile(made, '');
  });

  it("has the egress proxy's directory only where the catalogue says so", async () => {
    const catalogue = new Map([['filesystem', entryOf('filesystem', { network: 'egress' })]]);
    const egressSocket = join(place.socketRoot, '..', 'egress', 'egress.sock');
    const runtime = place.runtime('good', { catalogue, egressSocket });
    await expect(start(runtime)).rejects.toMatchObject({ code: 'runtime.unavailable', data: { lack: 'egress' } });
    expect(await place.left()).toEqual([]);
    await mkdir(join(egressSocket, '..'));
    const instance = await start(runtime);
    const { HostConfig, Mounts } = await inspect(instance);
    expect(HostConfig.NetworkMode).toBe('none');
    expect(Mounts.find(({ Destination }) => Destination === '/run/egress')).toMatchObject({ RW: false });
    expect((await prisoner(instance)).environment.MCP_EGRESS_SOCKET).toBe('/run/egress/egress.sock');
  });

  it('has a network only if the operator allows it', async () => {
    const catalogue = new Map([['filesystem', entryOf('filesystem', { network: 'bridge', limits: { pids: 50 } })]]);
    const refused = start(place.runtime('good', { catalogue }));
    await expect(refused).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining('allowBridge'),
    });
    expect(await place.left()).toEqual([]);
    const instance = await start(place.runtime('good', { catalogue, allowBridge: true }));
    expect((await inspect(instance)).HostConfig).toMatchObject({
      NetworkMode: 'bridge',
      PidsLimit: 50,
      CapDrop: ['ALL'],
    });
  });
});
