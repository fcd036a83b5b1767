import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import Docker from 'dockerode';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { LABEL } from '../../src/runtime/labels.ts';
import { eventually } from '../support/eventually.ts';
import { execIn } from '../support/exec-in.ts';
import { freePort } from '../support/free-port.ts';
import { TestManager } from '../support/manager.ts';
import { connect, textOf } from '../support/mcp-clients.ts';
import { requires } from '../support/requires.ts';
import { shownAt } from '../support/series.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A server that takes more memory than there is, with its first message. */
const GLUTTON = `process.stdin.once('data', () => { for (const all = []; ; ) all.push(Buffer.alloc(1 << 24, 1)); })`;
/** Longer than a build with nothing to go on from takes. */
const BUILD_MS = 300_000;
const isRoot = process.getuid?.() === 0;
const DEVELOPER = isRoot ? { uid: 4242, gid: 4343 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

requires('docker')('a manager with containers of the image', () => {
  const deployment = `test-${randomBytes(5).toString('hex')}`;
  const image = `mcp-session-manager:${deployment}`;
  const docker = new Docker({ socketPath: '/var/run/docker.sock' });
  const containers = () =>
    docker.listContainers({ all: true, filters: { label: [`${LABEL.deployment}=${deployment}`] } });
  const sockets = mkdtempSync('/tmp/s-');
  let manager: TestManager;
  let metrics: number;

  beforeAll(async () => {
    metrics = await freePort();
    const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', cwd: ROOT }).trim();
    const options = ['--build-arg', `NPM_REGISTRY=${registry}`, '-f', 'docker/Dockerfile', '-t', image];
    execFileSync('docker', ['build', '-q', ...options, '.'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] });
    manager = await TestManager.start({
      servers: {
        absent: { command: '/nowhere/at/all' },
        glutton: { command: 'node', args: ['-e', GLUTTON], limits: { memoryMb: 160 } },
        imageless: { command: 'node', image: 'mcp-session-manager-nowhere:0' },
      },
      env: {
        MCP_SESSION_MANAGER_RUNTIME: 'docker',
        MCP_SESSION_MANAGER_IMAGE: image,
        MCP_SESSION_MANAGER_DEPLOYMENT: deployment,
        MCP_SESSION_MANAGER_HOLD_DEADLINE: '20s',
        MCP_SESSION_MANAGER_SOCKET_ROOT: join(sockets, 's'),
        MCP_SESSION_MANAGER_METRICS_PORT: String(metrics),
        MCP_SESSION_MANAGER_SURVEY_INTERVAL: '500ms',
        MCP_SESSION_MANAGER_RECONCILE_INTERVAL: '500ms',
      },
    });
    chownSync(manager.workspace, DEVELOPER.uid, DEVELOPER.gid);
  }, BUILD_MS);
  afterAll(async () => {
    await manager?.[Symbol.asyncDispose]();
    for (const { Id } of await containers()) await docker.getContainer(Id).remove({ force: true, v: true });
    // Not there if it could not be built.
    if (manager) await docker.getImage(image).remove();
    rmSync(sockets, { recursive: true, force: true });
  });

  it('serves a session from a container, over its death, until its end', async () => {
    const { session, token } = await manager.open({ servers: ['filesystem'] });
    const client = await connect(`${manager.url}/mcp/filesystem`, token);
    const write = (name: string) => {
      const path = join(manager.workspace, name);
      return client.callTool({ name: 'write_file', arguments: { path, content: 'from a container' } });
    };
    expect(textOf(await write('first.txt'))).toContain('Successfully');
    expect(lstatSync(join(manager.workspace, 'first.txt'))).toMatchObject(DEVELOPER);

    const [first] = await containers();
    await docker.getContainer(first?.Id ?? '').kill();
    await eventually('the next instance is ready', async () => {
      const [next] = await containers();
      const [server] = (await manager.view(session.id)).servers;
      return next?.State === 'running' && next.Id !== first?.Id && server?.state === 'ready';
    });
    expect(textOf(await write('second.txt'))).toContain('Successfully');

    await client.close();
    await manager.api('DELETE', `/api/sessions/${session.id}`);
    await eventually('no container is left', async () => (await containers()).length === 0);
  });

  it.each([
    ['absent', 'Cannot start "/nowhere/at/all"'],
    ['imageless', 'no image mcp-session-manager-nowhere:0'],
  ])('shows why a server cannot run: %s', async (server, reason) => {
    const { session } = await manager.open({ servers: [server], lazy: true });
    // Answered when it is tried no more, or is over.
    const started = manager.api('POST', `/api/sessions/${session.id}/servers/${server}/restart`).catch(() => {});
    await eventually('the API says why', async () => {
      const [view] = (await manager.view(session.id)).servers;
      return view?.state === 'failed' && view.reason?.includes(reason);
    });
    const lacking = (await shownAt(metrics)).get('mcp_runtime_unavailable_total{reason="image"}') ?? 0;
    if (server === 'imageless') expect(lacking).toBeGreaterThan(0);
    else expect(lacking).toBe(0);
    await manager.api('DELETE', `/api/sessions/${session.id}`);
    await started;
    await eventually('no container is left', async () => (await containers()).length === 0);
  });

  it('shows what containers use, and an orphan until its end', { timeout: 60_000 }, async () => {
    const { session } = await manager.open({ servers: ['filesystem'] });
    onTestFinished(() => manager.api<void>('DELETE', `/api/sessions/${session.id}`).catch(() => {})); // gone, if all went well
    const of = (metric: string) => `${metric}{server="filesystem"}`;
    const [container] = await containers();
    const all = await eventually('the metrics show it', async () => {
      const shown = await shownAt(metrics);
      const stats = (await docker.getContainer(container?.Id ?? '').stats({ stream: false })) as Docker.ContainerStats;
      // The same control group, at another time: it has less while it starts.
      const part = (shown.get(of('mcp_host_memory_bytes')) ?? 0) / stats.memory_stats.usage;
      return part > 0.3 && part < 3 ? shown : undefined;
    });
    expect(all.get('mcp_instances{server="filesystem",state="ready"}')).toBe(1);
    expect(all.get(of('mcp_host_cpu_seconds_total'))).toBeGreaterThan(0);

    // Nobody knows of its session any more.
    await manager.kill();
    const store = join(manager.state, 'store.db');
    const database = new DatabaseSync(store);
    database.exec('DELETE FROM sessions');
    database.close();
    await manager.start();
    await eventually('the orphan is found, and ended', async () => {
      const shown = await shownAt(metrics);
      return shown.get('mcp_orphans_found_total') === 1 && shown.get('mcp_orphans_removed_total') === 1;
    });
    expect(await containers()).toEqual([]);
  });

  it('says of a server that needed more memory than it may have that it did', async () => {
    const { session, token } = await manager.open({ servers: ['glutton'] });
    await expect(connect(`${manager.url}/mcp/glutton`, token)).rejects.toThrow(/needed more memory/);
    const [view] = (await manager.view(session.id)).servers;
    expect(view).toMatchObject({ state: 'failing', reason: expect.stringContaining('memoryMb') });
    await manager.api('DELETE', `/api/sessions/${session.id}`);
    await eventually('no container is left', async () => (await containers()).length === 0);
  });

  it('starts with the code that was compiled when the image was made, whoever it runs as', async () => {
    const { session } = await manager.open({ servers: ['filesystem'] });
    const [first] = await containers();
    // Without arguments both end at once, but not before their code was found.
    const command = (file: string) => ['sh', '-c', `NODE_DEBUG_NATIVE=COMPILE_CACHE node /app/dist/${file} 2>&1; true`];
    const container = first?.Id ?? '';
    expect(await execIn(docker, container, command('main.js host'))).toMatch(/host\.js was accepted/);
    const cache = 'export NODE_COMPILE_CACHE=/tmp/compile-cache; ';
    const [sh, option, server] = command('servers/filesystem.js') as [string, string, string];
    expect(await execIn(docker, container, [sh, option, cache + server])).toMatch(/filesystem\.js was accepted/);
    const { Config } = await docker.getImage(image).inspect();
    expect(Config).toMatchObject({ User: '1000:1000', Entrypoint: ['node', '/app/dist/main.js'] });
    expect(Config.Labels).toHaveProperty(['org.opencontainers.image.title'], 'mcp-session-manager');
    await manager.api('DELETE', `/api/sessions/${session.id}`);
    await eventually('no container is left', async () => (await containers()).length === 0);
  });
});
