import { once } from 'node:events';
import { chmod, chown, mkdir, rename, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, createServer as createSocketServer } from 'node:net';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Instances } from '../../src/controller/instances.ts';
import { Launcher } from '../../src/controller/launcher.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Instance } from '../../src/core/runtime.ts';
import { LABEL } from '../../src/runtime/labels.ts';
import { accepts, collect, specOf } from '../contract/runtime.ts';
import { CATALOGUE, ControlPlane, HOST_LIMITS } from '../support/control-plane.ts';
import { type DockerPlace, ENGINE, entryOf, openDockerPlace } from '../support/docker-place.ts';
import { eventually } from '../support/eventually.ts';
import { sessionRecord } from '../support/records.ts';
import { requires } from '../support/requires.ts';

const never = new AbortController().signal;

/** The engine, reached by a socket in `directory` that lets nothing pass until `gate` resolves. */
async function heldUp(directory: string, gate: Promise<void>) {
  const held = { path: join(directory, 'engine.sock'), passed: 0 };
  const server = createSocketServer(async (socket) => {
    socket.on('error', () => {}); // who has given up is told nothing
    await gate;
    held.passed += 1;
    pipeline(socket, connect(ENGINE), socket, () => {});
  }).listen(held.path);
  await once(server, 'listening');
  return Object.assign(held, {
    [Symbol.asyncDispose]: async () => void server.close(),
  });
}
const { session } = specOf().labels;
const ID = `${session}/filesystem`;

requires('docker')('the Docker runtime', () => {
  let place: DockerPlace;
  beforeEach(async () => {
    place = await openDockerPlace();
  });
  afterEach(() => place[Symbol.asyncDispose]());

  const start = (runtime = place.runtime(), workspace = place.workspace, signal = never): Promise<Instance> =>
    runtime.start(specOf({}, workspace), signal);
  const nameOf = (deployment: string) => `${deployment}.${session}.filesystem`;

  describe('beside others on the same engine', () => {
    it("never sees another deployment's containers", async () => {
      await using other = await openDockerPlace();
      const [ours, theirs] = [place.runtime(), other.runtime()];
      const [mine, foreign] = [await start(ours), await start(theirs, other.workspace)];
      expect(foreign.name).not.toBe(mine.name);
      expect((await collect(ours.list())).map(({ instance }) => instance.name)).toEqual([mine.name]);
      await ours.stop(ID, 1000);
      await ours.forget(session);
      expect(await theirs.status(ID)).toMatchObject({ phase: 'running', instance: { name: foreign.name } });
      expect(await accepts(foreign.endpoint)).toBe(true);
    });

    it("leaves a container alone that has an instance's name and not its labels", async () => {
      const name = nameOf(place.deployment);
      const options = {
        name,
        Image: 'node:24-bookworm-slim',
        Cmd: ['sleep', '1000'],
        HostConfig: { NetworkMode: 'none' },
      };
      const stranger = await place.docker.createContainer(options);
      try {
        await stranger.start();
        const runtime = place.runtime();
        expect(await runtime.status(ID)).toEqual({ phase: 'absent' });
        expect(await collect(runtime.list())).toEqual([]);
        await runtime.stop(ID, 0);
        await expect(start(runtime)).rejects.toMatchObject({
          code: 'server.busy',
          message: expect.stringContaining(name),
        });
        expect((await stranger.inspect()).State.Running).toBe(true);
      } finally {
        await stranger.remove({ force: true });
      }
    });

    it('removes no directory that a container of another deployment uses, which shares it by mistake', async () => {
      const instance = await start(place.runtime());
      const other = place.runtime('good', { deployment: `${place.deployment}-2` });
      expect(await collect(other.kept())).toEqual([session]);
      await expect(other.forget(session)).rejects.toMatchObject({ code: 'server.busy' });
      expect(await accepts(instance.endpoint)).toBe(true);
    });

    it("undoes its own start, and not its successor's, when it was held up in the middle of it", async () => {
      const gate = Promise.withResolvers<void>();
      const given = new AbortController();
      const sleep: Clock['sleep'] = async (ms, signal) => {
        await gate.promise;
        await systemClock.sleep(ms, signal);
      };
      // Of a host that never listens: a start that finds one listening is not held up.
      const heldUp = start(place.runtime('deaf', { clock: { now: () => 0, sleep } }), place.workspace, given.signal);
      const first = await eventually('a container', async () => (await place.containers())[0]);
      const successor = place.runtime();
      await eventually('it runs', async () => (await successor.status(ID)).phase === 'running');
      const instance = await successor.start(
        specOf({ incarnation: specOf().labels.incarnation + 1 }, place.workspace),
        never,
      );
      given.abort(new Error('the lease is lost'));
      gate.resolve();
      await expect(heldUp).rejects.toThrow('the lease is lost');
      expect(first.Id).not.toContain(instance.name);
      expect(await successor.status(ID)).toMatchObject({ phase: 'running', instance: { name: instance.name } });
      expect(await accepts(instance.endpoint)).toBe(true);
    });

    it('takes no instance for its own whose labels are not whole', async () => {
      const Labels = { [LABEL.deployment]: place.deployment, [LABEL.session]: session };
      await place.docker.createContainer({ Image: 'node:24-bookworm-slim', Labels });
      expect(await collect(place.runtime().list())).toEqual([]);
    });
  });

  describe('when something is wrong', () => {
    it('says that the image is missing', async () => {
      const entry = entryOf('filesystem', { image: 'mcp-session-manager-nowhere:0' });
      const started = start(place.runtime('good', { catalogue: new Map([['filesystem', entry]]) }));
      await expect(started).rejects.toMatchObject({
        code: 'runtime.unavailable',
        message: expect.stringContaining('no image mcp-session-manager-nowhere:0'),
        data: { lack: 'image' },
      });
      expect(await place.left()).toEqual([]);
    });

    it('says that the engine is down, and never that an instance is absent', async () => {
      await start();
      const runtime = place.runtime('good', { engineSocket: join(place.workspace, 'nothing.sock') });
      const down = { code: 'runtime.unavailable', data: { lack: 'engine' } };
      await expect(start(runtime)).rejects.toMatchObject(down);
      await expect(runtime.status(ID)).rejects.toMatchObject(down);
      await expect(collect(runtime.list())).rejects.toMatchObject(down);
      await expect(runtime.stop(ID, 0)).rejects.toMatchObject(down);
      await expect(runtime.usage(ID)).rejects.toMatchObject(down);
      await expect(collect(runtime.logs(ID, {}))).rejects.toMatchObject(down);
      await expect(runtime.forget(session)).rejects.toMatchObject(down);
      expect(await place.runtime().status(ID)).toMatchObject({ phase: 'running' });
    });

    it('takes an engine that hangs for no failure of the server, and leaves nothing when that goes on', async () => {
      const gate = Promise.withResolvers<void>();
      await using engine = await heldUp(dirname(place.socketRoot), gate.promise);
      const runtime = place.runtime('good', { engineSocket: engine.path });
      const plane = new ControlPlane();
      const context = {
        ...plane,
        catalogue: CATALOGUE,
        env: {},
        hostLimits: HOST_LIMITS,
        readTemplate: async () => '',
      };
      const times = { clock: systemClock, startMs: 1000, graceMs: 400 };
      const launcher = new Launcher({ ...context, ...times }, new Instances(runtime), { epoch: 1 });
      const record = sessionRecord(Date.now(), { id: session, workspace: place.workspace });
      const launched = launcher.launch(record, 'filesystem', 1, never, never);
      await expect(launched).rejects.toMatchObject({ code: 'runtime.unavailable' });
      gate.resolve();
      await runtime.stop(ID, 1000); // behind the start
      expect(engine.passed).toBeGreaterThan(0);
      expect(await place.left()).toEqual([]);
    });

    it("says that the engine's disk is full", async () => {
      const engineSocket = join(dirname(place.workspace), 'full.sock');
      const message = 'mkdir /var/lib/docker/overlay2/abc-init: no space left on device';
      const engine = createServer((req, res) => {
        req.resume();
        res.writeHead(req.method === 'POST' ? 500 : 404, { 'content-type': 'application/json' });
        res.end(JSON.stringify({ message }));
      }).listen(engineSocket);
      try {
        await expect(start(place.runtime('good', { engineSocket }))).rejects.toMatchObject({
          code: 'runtime.unavailable',
          message: expect.stringContaining('disk of the Docker Engine is full'),
          data: { lack: 'disk' },
        });
      } finally {
        engine.close();
        engine.closeAllConnections();
      }
    });

    it('says that an instance ran out of memory, and with which limit', async () => {
      const catalogue = new Map([['filesystem', entryOf('filesystem', { limits: { memoryMb: 100 } })]]);
      const runtime = place.runtime('hungry', { catalogue });
      const { endpoint } = await start(runtime);
      const socket = connect(endpoint.kind === 'unix' ? endpoint.path : '');
      try {
        await expect
          .poll(() => runtime.status(ID), { timeout: 20_000 })
          .toMatchObject({
            phase: 'dead',
            reason: expect.stringMatching(/^it ran out of memory: it may have 100 MiB/),
          });
      } finally {
        socket.destroy();
      }
    });

    it('says that a container was killed, and how one ended', async () => {
      const runtime = place.runtime();
      const instance = await start(runtime);
      await place.crash(instance);
      const killed = { phase: 'dead', reason: expect.stringMatching(/^its container was killed/) };
      expect(await runtime.status(ID)).toMatchObject(killed);
      await expect(start(place.runtime('failing'))).rejects.toThrow(/ended with exit code 3/);
      expect(await place.left()).toEqual([]);
    });

    it('finds and removes a container that a controller made and never started', async () => {
      const runtime = place.runtime();
      const { name } = await start(runtime);
      const { Config } = await place.docker.getContainer(name).inspect();
      await runtime.stop(ID, 0);
      const { Image, Labels } = Config;
      await place.docker.createContainer({ name: nameOf(place.deployment), Image, Labels });
      const [left] = await collect(runtime.list());
      expect(left).toMatchObject({ phase: 'dead', reason: expect.stringContaining('never started') });
      expect((await start(runtime)).name).not.toBe(left?.instance.name);
      await runtime.stop(ID, 0);
      expect(await place.left()).toEqual([]);
    });
  });

  describe('a workspace', () => {
    const refused = { code: 'config.invalid', message: expect.stringContaining('workspace') };
    afterEach(async () => expect(await place.left()).toEqual([]));

    it.each(['/', '/usr', '/usr/share', '/etc', '/run', '/tmp', '/app/project', '/proc/self/cwd', '/nowhere/at/all'])(
      'is not %s',
      async (workspace) => {
        await expect(start(place.runtime(), workspace)).rejects.toMatchObject(refused);
      },
    );

    it('is never reached through a link', async () => {
      const moved = `${place.workspace}-moved`;
      await rename(place.workspace, moved);
      await symlink(moved, place.workspace);
      await expect(start()).rejects.toMatchObject(refused);
      await mkdir(join(moved, 'below'));
      await expect(start(place.runtime(), join(place.workspace, 'below'))).rejects.toMatchObject(refused);
    });

    it("is not root's where somebody else could have put it", async (context) => {
      if (process.getuid?.() !== 0) context.skip();
      await chmod(dirname(place.workspace), 0o777);
      await expect(start()).rejects.toThrow(/root's/);
      await chmod(dirname(place.workspace), 0o755);
      await chown(dirname(place.workspace), 4242, 4242);
      await expect(start()).rejects.toThrow(/root's/);
      await chown(dirname(place.workspace), 0, 0);
    });
  });

  describe('the directory of sockets', () => {
    it('is not one that belongs to somebody else, nor a link', async () => {
      const elsewhere = join(place.workspace, 'elsewhere');
      await mkdir(elsewhere);
      await symlink(elsewhere, place.socketRoot);
      await expect(start()).rejects.toMatchObject({
        code: 'config.invalid',
        message: expect.stringContaining('socketRoot'),
      });
      expect(await place.left()).toEqual([]);
    });

    it('is not one whose path is too long for sockets', async () => {
      const socketRoot = join(place.socketRoot, 'x'.repeat(60));
      const started = start(place.runtime('good', { socketRoot }));
      await expect(started).rejects.toMatchObject({
        code: 'config.invalid',
        message: expect.stringContaining('bytes'),
      });
    });
  });
});
