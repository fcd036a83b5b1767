import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatPidFile } from '../../src/core/pid-file.ts';
import { openProcessTable } from '../../src/os/open-process-table.ts';
import { claimPidFile, readPidFile, removeDeadPidFile } from '../../src/os/pid-file.ts';
import { collect, specOf } from '../contract/runtime.ts';
import { openProcessPlace, type ProcessPlace } from '../support/process-place.ts';

const { labels } = specOf();
const { session } = labels;
const never = new AbortController().signal;
const table = openProcessTable();

let place: ProcessPlace;
beforeEach(async () => {
  place = await openProcessPlace();
});
afterEach(() => place[Symbol.asyncDispose]());

describe('the process runtime', () => {
  it('runs twenty instances at once and leaves no process of theirs', async () => {
    const runtime = place.runtime('stubborn-child');
    const sessions = Array.from({ length: 20 }, (_, index) => `pts_${index}-abcdefghijklmnop`);
    const instances = await Promise.all(sessions.map((id) => runtime.start(specOf({ session: id }), never)));
    expect(await collect(runtime.list())).toHaveLength(20);
    expect(await place.left()).toHaveLength(process.platform === 'linux' ? 40 : 20);
    await Promise.all(instances.map(({ id }) => runtime.stop(id, 100)));
    expect(await place.left()).toEqual([]);
    expect(await collect(runtime.list())).toEqual([]);
  });

  it('lays its files out for this user alone', async () => {
    await place.runtime().start(specOf(), never);
    expect((await readdir(place.root)).sort()).toEqual(['configs', 'logs', 'pids', 'sockets']);
    expect(await readdir(join(place.root, 'pids', session))).toEqual(['filesystem.pid']);
    const logs = ['filesystem.audit', 'filesystem.log'];
    expect((await readdir(join(place.root, 'logs', session))).sort()).toEqual(logs);
    expect((await readdir(join(place.root, 'sockets', session))).sort()).toEqual([
      'filesystem.calls',
      'filesystem.sock',
    ]);
    for (const path of ['', 'pids', `pids/${session}`, `configs/${session}`, `logs/${session}`, `sockets/${session}`])
      expect((await stat(join(place.root, path))).mode & 0o777).toBe(0o700);
    for (const name of logs) expect((await stat(join(place.root, 'logs', session, name))).mode & 0o777).toBe(0o600);
  });

  it('gives an instance none of the secrets of the manager', async () => {
    const env = { PATH: process.env.PATH, HOME: '/', SECRET_TOKEN: 'x', NODE_OPTIONS: '' };
    const runtime = place.runtime('good', env);
    const { id } = await runtime.start(specOf(), never);
    const [line] = (await collect(runtime.logs(id, {}))).filter((each) => each.startsWith('environment '));
    expect(line).toBe('environment HOME MCP_CONFIG_DIR MCP_PID_FILE MCP_SESSION_ID PATH');
  });

  it('keeps logs and configuration over a stop, and forgets them with the session', async () => {
    const runtime = place.runtime();
    const { id } = await runtime.start(specOf(), never);
    await writeFile(join(place.root, 'configs', session, 'config.json'), '{}');
    await expect(runtime.forget(session)).rejects.toMatchObject({ code: 'server.busy' });
    await runtime.stop(id, 5000);
    expect(await collect(runtime.logs(id, {}))).not.toEqual([]);
    await runtime.start(specOf({ incarnation: 1002 }), never);
    expect(await readFile(join(place.root, 'configs', session, 'config.json'), 'utf8')).toBe('{}');
    await runtime.stop(id, 5000);
    await runtime.forget(session);
    for (const kind of await readdir(place.root)) expect(await readdir(join(place.root, kind))).toEqual([]);
    await runtime.forget(session);
  });

  it('says what a start wrote when it fails, and not what earlier ones did', async () => {
    await place.runtime().start(specOf(), never);
    const failed = place.runtime('failing').start(specOf({ incarnation: 1002 }), never);
    await expect(failed).rejects.toThrow(/incarnation 1002/);
    await expect(failed).rejects.not.toThrow(/incarnation 1001/);
  });

  it('says that a host cannot be started at all', async () => {
    const started = place.runtime('good', {}, ['/does/not/exist']).start(specOf(), never);
    await expect(started).rejects.toMatchObject({ code: 'server.failed', message: expect.stringContaining('ENOENT') });
  });
});

describe('the root of the process runtime', () => {
  const start = () => place.runtime().start(specOf(), never);

  it('[attack.11] is never followed through a link', async () => {
    const elsewhere = join(dirname(place.root), 'elsewhere');
    await mkdir(elsewhere, { mode: 0o700 });
    await symlink(elsewhere, place.root);
    await expect(start()).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining('runtimeRoot'),
    });
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('[attack.11] is refused if others may enter it', async () => {
    await mkdir(place.root);
    await chmod(place.root, 0o755);
    await expect(start()).rejects.toThrow(/open to other users/);
  });

  it('[attack.11] is not believed if others may write to it', async () => {
    const runtime = place.runtime();
    const { id } = await runtime.start(specOf(), never);
    await chmod(place.root, 0o777);
    const refused = { code: 'config.invalid' };
    await expect(runtime.stop(id, 0)).rejects.toMatchObject(refused);
    await expect(runtime.status(id)).rejects.toMatchObject(refused);
    await expect(collect(runtime.list())).rejects.toMatchObject(refused);
    await expect(runtime.forget(session)).rejects.toMatchObject(refused);
    expect(await place.left()).toHaveLength(1);
  });

  it('is refused if it is no directory', async () => {
    await writeFile(place.root, '');
    await expect(start()).rejects.toThrow(/is not a directory/);
  });
});

describe('a pid file', () => {
  const path = () => join(place.root, 'pids', session, 'filesystem.pid');
  const forge = async (pid: number, startedAt: string) => {
    await mkdir(dirname(path()), { recursive: true, mode: 0o700 });
    await writeFile(path(), formatPidFile({ process: { pid, startedAt }, labels }));
  };

  it('of a process whose pid is another one now is never used to kill it', async () => {
    const bystander = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true });
    const pid = bystander.pid as number;
    try {
      const runtime = place.runtime();
      await forge(pid, 'another time');
      const id = `${session}/filesystem`;
      expect(await runtime.status(id)).toMatchObject({ phase: 'dead', instance: { name: String(pid) } });
      await runtime.stop(id, 50);
      expect(await runtime.status(id)).toEqual({ phase: 'absent' });
      await forge(pid, 'another time');
      const instance = await runtime.start(specOf(), never);
      expect(instance.name).not.toBe(String(pid));
      expect(table.identity(pid)).toBeDefined();
      expect(bystander.signalCode).toBeNull();
    } finally {
      bystander.kill('SIGKILL');
    }
  });

  it('that is broken counts as none', async () => {
    await mkdir(dirname(path()), { recursive: true, mode: 0o700 });
    await writeFile(path(), '12');
    expect(await collect(place.runtime().list())).toEqual([]);
    expect((await place.runtime().start(specOf(), never)).labels).toEqual(labels);
  });

  it('is claimed by one process only, and taken over from a dead one', async () => {
    await forge(2 ** 22 + 1, 'long ago');
    claimPidFile(path(), labels, table);
    expect(readPidFile(path())).toEqual({ process: table.identity(process.pid), labels });
    expect(() => claimPidFile(path(), labels, table)).toThrow(`process ${process.pid}`);
    expect(removeDeadPidFile(path(), table)).toBe(false);
    expect(await readdir(dirname(path()))).toEqual(['filesystem.pid']);
  });
});
