import { spawnSync } from 'node:child_process';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { briefly, launch, place, temporaryDirectory } from './filesystem-setup.ts';

describe.each([
  { mode: 'native', options: {} },
  { mode: 'polling', options: { polling: true } },
])('a watch ($mode)', ({ mode, options }) => {
  it('[files.cursor] tells what was changed, each path once, again for the same cursor, and nothing that is ignored', async () => {
    const { workspace: root } = await place();
    const at = (path: string) => join(root, path);
    await mkdir(at('node_modules/x'), { recursive: true });
    await mkdir(at('.git'));
    await writeFile(at('.gitignore'), '*.log\n');
    await writeFile(at('old'), '1');
    const server = await launch(root);
    const { cursor, ...started } = await server.start(root, options);
    expect(started).toMatchObject({ path: root, mode, state: 'watching', entries: 2 });
    expect(await server.changes(cursor)).toMatchObject({ changes: [], overflow: false, more: false });

    await writeFile(at('old'), 'modified');
    await mkdir(at('new/deep'), { recursive: true });
    await writeFile(at('new/deep/file'), '');
    for (const path of ['x.log', '.git/index', 'node_modules/x/y']) await writeFile(at(path), '');
    await symlink('old', at('link'));
    const first = await server.until(cursor, (seen) => seen.size === 5);
    const expected = ['created link', 'created new', 'created new/deep', 'created new/deep/file', 'modified old'];
    expect(briefly(first.seen.values(), root)).toEqual(expected);
    expect(first.seen.get(at('link'))?.type).toBe('symlink');

    await rename(at('new'), at('moved'));
    await rm(at('old'));
    const second = await server.until(first.cursor, (seen) => seen.size === 7);
    expect(briefly(second.seen.values(), root)).toEqual([
      ...['created moved', 'created moved/deep', 'created moved/deep/file', 'deleted new', 'deleted new/deep'],
      ...['deleted new/deep/file', 'deleted old'],
    ]);
    const everything = [
      ...['created link', 'created moved', 'created moved/deep', 'created moved/deep/file', 'deleted old'],
    ];
    for (let time = 0; time < 2; time += 1)
      expect(briefly((await server.changes(cursor)).changes, root)).toEqual(everything);
    const page = await server.changes(cursor, { limit: 2 });
    expect(page).toMatchObject({ more: true, changes: { length: 2 } });
    const rest = await server.changes(page.cursor);
    // Somebody at the second page may have seen what came and went before it.
    const paged = new Map([...page.changes, ...rest.changes].map((change) => [change.path, change]));
    expect(briefly(paged.values(), root)).toEqual(expect.arrayContaining(everything));
    expect([...paged.values()].filter(({ kind }) => kind !== 'deleted')).toHaveLength(4);
  });

  it('goes on in a directory that was moved away and made again', async () => {
    const { workspace: root } = await place();
    const at = (path: string) => join(root, path);
    await mkdir(at('build/deep'), { recursive: true });
    const server = await launch(root);
    const { cursor } = await server.start(root, options);
    await rename(at('build'), at('old'));
    await mkdir(at('build/deep'), { recursive: true });
    const moved = await server.until(cursor, (seen) => seen.has(at('old/deep')));
    await writeFile(at('build/deep/new'), '');
    await writeFile(at('old/deep/other'), '');
    const { seen } = await server.until(
      moved.cursor,
      (so) => so.has(at('build/deep/new')) && so.has(at('old/deep/other')),
    );
    expect(briefly(seen.values(), root)).toEqual(
      expect.arrayContaining(['created build/deep/new', 'created old/deep/other']),
    );
  });

  it('follows no link, and none that takes the place of a directory', async () => {
    const { workspace: root } = await place();
    const outside = await temporaryDirectory();
    const at = (path: string) => join(root, path);
    await writeFile(join(outside, 'secret'), '');
    await mkdir(at('inside'));
    await writeFile(at('inside/file'), '');
    await symlink(outside, at('way-out'));
    const server = await launch(root);
    const { cursor, entries } = await server.start(root, options);
    expect(entries).toBe(3);
    await rm(at('inside'), { recursive: true });
    await symlink(outside, at('inside'));
    await writeFile(join(outside, 'another'), '');
    const { seen, cursor: then } = await server.until(cursor, (so) => so.get(at('inside'))?.type === 'symlink');
    expect(briefly(seen.values(), root)).toEqual(['created inside', 'deleted inside/file']);
    await writeFile(join(outside, 'third'), '');
    await writeFile(at('mark'), '');
    const after = await server.until(then, (so) => so.has(at('mark')));
    expect(briefly(after.seen.values(), root)).toEqual(['created mark']);
    for (const path of [outside, at('way-out'), at('../config'), '/etc'])
      await expect(server.start(path)).rejects.toThrow('Access denied');
  });

  it('notices other rules', async () => {
    const { workspace: root } = await place();
    const at = (path: string) => join(root, path);
    await mkdir(at('build'));
    await writeFile(at('build/x'), '');
    const server = await launch(root);
    const { cursor } = await server.start(root, options);
    await writeFile(at('.gitignore'), 'build\n');
    const ignored = await server.until(cursor, (seen) => seen.has(at('build')));
    expect(briefly(ignored.seen.values(), root)).toEqual(['created .gitignore', 'ignored build', 'ignored build/x']);
    await rm(at('.gitignore'));
    await writeFile(at('build/y'), '');
    const { seen } = await server.until(ignored.cursor, (so) => so.has(at('build/y')));
    expect(briefly(seen.values(), root)).toEqual([
      ...['created build', 'created build/x', 'created build/y', 'deleted .gitignore'],
    ]);
  });

  it('sees its directory removed and made again', async () => {
    const { workspace } = await place();
    const root = join(workspace, 'root');
    await mkdir(root);
    await writeFile(join(root, 'file'), '');
    const server = await launch(workspace);
    const { cursor } = await server.start(root, options);
    await rm(root, { recursive: true });
    const gone = await server.until(cursor, (seen) => seen.has(join(root, 'file')));
    expect(briefly(gone.seen.values(), root)).toEqual(['deleted file']);
    await eventually('it says so', async () => (await server.changes(gone.cursor)).state === 'missing');
    await mkdir(join(root, 'sub'), { recursive: true });
    const back = await server.until(gone.cursor, (seen) => seen.has(join(root, 'sub')));
    await writeFile(join(root, 'sub', 'file'), '');
    const { seen } = await server.until(back.cursor, (so) => so.has(join(root, 'sub', 'file')));
    expect(briefly(seen.values(), root)).toEqual(['created sub/file']);
    expect((await server.start(root, options)).state).toBe('watching');
  });

  it('[files.cursor] goes on from a cursor after a restart, with what was changed meanwhile', async () => {
    const { workspace: root, configDir } = await place();
    const at = (path: string) => join(root, path);
    for (const name of ['stays', 'goes', 'changes']) await writeFile(at(name), '');
    const before = await launch(root, { configDir });
    const { watch, cursor, durable } = await before.start(root, options);
    expect(durable).toBe(true);
    await writeFile(at('noted'), '');
    const noted = await before.until(cursor, (seen) => seen.size === 1);
    await before.client.close();

    await rm(at('goes'));
    await writeFile(at('changes'), 'changed');
    const after = await launch(root, { configDir });
    expect(await after.call('fs_watch_list')).toEqual({ watches: [], suspended: [{ watch, path: root }] });
    const meanwhile = await after.changes(noted.cursor);
    expect(meanwhile).toMatchObject({ watch, overflow: false, mode });
    expect(briefly(meanwhile.changes, root)).toEqual(['deleted goes', 'modified changes']);
    expect(briefly((await after.changes(cursor)).changes, root)).toEqual([
      ...['created noted', 'deleted goes', 'modified changes'],
    ]);
    await writeFile(at('later'), '');
    const { seen } = await after.until(meanwhile.cursor, (so) => so.size === 1);
    expect(briefly(seen.values(), root)).toEqual(['created later']);
  });
});

it('[files.cursor] says that there is a gap when nothing of a watch was kept, and watches on from there', async () => {
  const { workspace: root } = await place();
  const before = await launch(root);
  const { cursor, durable } = await before.start(root, { ignore: ['*.tmp'] });
  expect(durable).toBe(false);
  await before.client.close();
  const after = await launch(root);
  const gap = await after.changes(cursor);
  expect(gap).toMatchObject({ overflow: true, overflow_reason: expect.stringContaining('restarted'), changes: [] });
  await writeFile(join(root, 'x.tmp'), '');
  await writeFile(join(root, 'x'), '');
  const { seen } = await after.until(gap.cursor, (so) => so.size > 0);
  expect(briefly(seen.values(), root)).toEqual(['created x']);
});

it('waits for a change as long as it is asked to, and not longer than the client', async () => {
  const { workspace: root } = await place();
  const server = await launch(root);
  const { cursor } = await server.start(root);
  expect(await server.changes(cursor, { wait_seconds: 0.1 })).toMatchObject({ changes: [], overflow: false });
  const waiting = server.changes(cursor, { wait_seconds: 20 });
  await writeFile(join(root, 'x'), '');
  expect(briefly((await waiting).changes, root)).toEqual(['created x']);
  const abort = new AbortController();
  const call = { name: 'fs_changes', arguments: { cursor: (await waiting).cursor, wait_seconds: 300 } };
  const cancelled = server.client.callTool(call, undefined, { signal: abort.signal });
  abort.abort('enough');
  await expect(cancelled).rejects.toThrow('enough');
  expect((await server.start(root)).state).toBe('watching');
});

it('lists and stops, and refuses what is wrong with words that help', async () => {
  const { workspace: root } = await place();
  const server = await launch(root);
  const { watch, cursor } = await server.start(root);
  expect(await server.start(root)).toMatchObject({ watch });
  expect(await server.call('fs_watch_list')).toMatchObject({ watches: [{ watch, path: root, mode: 'native' }] });
  expect(await server.call('fs_watch_stop', { watch })).toEqual({ watch, stopped: true });
  expect(await server.call('fs_watch_list')).toEqual({ watches: [], suspended: [] });
  await expect(server.changes(cursor)).rejects.toThrow('was stopped: start one with fs_watch_start');
  await expect(server.call('fs_watch_stop', { watch })).rejects.toThrow('fs_watch_list shows which there are');
  await expect(server.changes('nonsense')).rejects.toThrow('This is no cursor');
  await expect(server.changes(`${cursor.slice(0, -4)}!`)).rejects.toThrow('This is no cursor');
  await expect(server.start(join(root, 'none'))).rejects.toThrow('is not there');
  await writeFile(join(root, 'file'), '');
  await expect(server.start(join(root, 'file'))).rejects.toThrow('is no directory');
  await expect(server.call('fs_watch_start', { paths: [root] })).rejects.toThrow('Arguments of fs_watch_start');
  const foreign = Buffer.from(JSON.stringify(['0'.repeat(16), '0'.repeat(16), 0, '/etc', [[], true, false]]));
  await expect(server.changes(foreign.toString('base64url'))).rejects.toThrow('Access denied');
});

it('keeps no journal of what was stopped', async () => {
  const { workspace: root, configDir } = await place();
  const server = await launch(root, { configDir });
  const { watch } = await server.start(root);
  expect(await readdir(join(configDir, 'watches'))).toEqual([expect.stringContaining(watch)]);
  await server.call('fs_watch_stop', { watch });
  expect(await readdir(join(configDir, 'watches'))).toEqual([]);
});

it('has directories as resources, and notifies of changes in and below those that are subscribed to', async () => {
  const { workspace: root } = await place();
  await mkdir(join(root, 'a/b'), { recursive: true });
  await mkdir(join(root, 'c'));
  const { client } = await launch(root);
  const uri = pathToFileURL(root).href;
  expect((await client.listResources()).resources).toEqual([expect.objectContaining({ uri })]);
  expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1);
  const [content] = (await client.readResource({ uri })).contents;
  expect(JSON.parse((content as { text: string }).text)).toEqual({
    path: root,
    entries: ['a', 'c'].map((name) => ({ name, type: 'directory' })),
  });
  const updated: string[] = [];
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
  const [a, c] = [`${uri}/a`, `${uri}/c`];
  await client.subscribeResource({ uri: a });
  await client.subscribeResource({ uri: c });
  await writeFile(join(root, 'a/b/new'), '');
  await eventually('a notification', async () => updated.includes(a));
  await client.unsubscribeResource({ uri: a });
  const before = updated.filter((one) => one === a).length;
  await writeFile(join(root, 'a/b/another'), '');
  await writeFile(join(root, 'c/new'), '');
  await eventually('a notification', async () => updated.includes(c));
  expect(updated.filter((one) => one === a)).toHaveLength(before);
  for (const wrong of ['file:///etc', 'https://example.com/', `${uri}/none`])
    await expect(client.subscribeResource({ uri: wrong })).rejects.toMatchObject({ code: -32602 });
});

it('tells a subscriber after a restart what it has missed', async () => {
  const { workspace: root, configDir } = await place();
  const uri = pathToFileURL(root).href;
  const before = await launch(root, { configDir });
  await before.client.subscribeResource({ uri });
  await before.client.close();
  await writeFile(join(root, 'meanwhile'), '');
  const { client } = await launch(root, { configDir });
  const updated: string[] = [];
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
  await client.subscribeResource({ uri });
  await eventually('a notification', async () => updated.length > 0);
});

/** Runs a command in a user namespace that may have so many inotify watches; a limit of the kernel, set for this only. */
const limited = (watches: number) => [
  ...['unshare', '--user', '--map-root-user', 'sh', '-c'],
  `echo ${watches} > /proc/sys/user/max_inotify_watches && exec "$@"`,
  'sh',
];
const canLimit = spawnSync('unshare', [...limited(1).slice(1), 'true']).status === 0;

it.skipIf(!canLimit)('polls, and says why, when the system has no watches left', async () => {
  const { workspace: root } = await place();
  for (let index = 0; index < 10; index += 1) await mkdir(join(root, `d${index}`));
  const server = await launch(root, { by: limited(5) });
  const { cursor, mode, mode_reason } = await server.start(root);
  expect({ mode, mode_reason }).toEqual({ mode: 'polling', mode_reason: expect.stringContaining('ENOSPC') });
  await writeFile(join(root, 'd9/new'), '');
  const { seen } = await server.until(cursor, (so) => so.size > 0);
  expect(briefly(seen.values(), root)).toEqual(['created d9/new']);
});

it.skipIf(!canLimit)('polls from when the system has no watches left, and misses nothing', async () => {
  const { workspace: root } = await place();
  const server = await launch(root, { by: limited(5) });
  const { cursor, mode } = await server.start(root);
  expect(mode).toBe('native');
  const names = Array.from({ length: 10 }, (_, index) => join(root, `d${index}`));
  for (const name of names) {
    await mkdir(name);
    await writeFile(join(name, 'file'), '');
  }
  const { seen, cursor: then } = await server.until(cursor, (so) => so.size === 20);
  expect([...seen.values()].every(({ kind }) => kind === 'created')).toBe(true);
  await writeFile(join(root, 'd9/later'), '');
  const later = await server.until(then, (so) => so.has(join(root, 'd9/later')));
  expect(briefly(later.seen.values(), root)).toEqual(['created d9/later']);
  expect((await server.start(root)).mode_reason).toContain('ENOSPC');
});
