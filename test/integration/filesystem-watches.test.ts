import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Directories } from '../../src/servers/filesystem/directories.ts';
import { Inventory } from '../../src/servers/filesystem/watch/inventory.ts';
import { Journal } from '../../src/servers/filesystem/watch/journal.ts';
import { Journals } from '../../src/servers/filesystem/watch/journals.ts';
import { Watches } from '../../src/servers/filesystem/watch/watches.ts';
import { eventually } from '../support/eventually.ts';
import { PROGRAM, place, temporaryDirectory } from './filesystem-setup.ts';

const OPTIONS = { ignore: [], gitignore: true, polling: false };
const READING = { limit: 100, waitMs: 0, holder: 'test' };
const never = new AbortController().signal;
const program = pathToFileURL(PROGRAM);

async function open(root: string, more: Partial<{ changes: number; entries: number; watches: number }>, at?: string) {
  const limits = { changes: 100, entries: 100, watches: 2, ...more };
  const journals = at === undefined ? undefined : await Journals.open(at, limits);
  const directories = new Directories([root]);
  const watches = new Watches({ directories, journals, limits, clock: systemClock, program });
  onTestFinished(() => watches.close());
  return watches;
}

it('[files.cursor] says that changes were lost when more was changed than is kept, to whoever comes late or has waited', async () => {
  const { workspace: root } = await place();
  const watches = await open(root, { changes: 5 });
  const { watch } = await watches.start(root, OPTIONS, 'test');
  const cursor = watch.cursorAt(watch.head);
  for (let index = 0; index < 10; index += 1) await writeFile(join(root, `f${index}`), '');
  const lost = await eventually('a gap', async () => {
    const answer = await watches.changes(cursor, { ...READING, waitMs: 1000 }, never);
    return answer.gap === undefined ? undefined : answer;
  });
  expect(lost).toMatchObject({ gap: 'log-full', changes: [], more: false });
  await eventually('all of it', async () => watch.size === 10);
  const now = await watches.changes(watch.cursorAt(watch.head), READING, never);
  expect(now).not.toHaveProperty('gap');
});

it('refuses a directory with too many files, and a watch too many', async () => {
  const { workspace: root } = await place();
  for (let index = 0; index < 6; index += 1) await mkdir(join(root, `d${index}/sub`), { recursive: true });
  const watches = await open(root, { entries: 8 });
  await expect(watches.start(root, OPTIONS, 'test')).rejects.toThrow('more than 8 files');
  for (const name of ['d0', 'd1']) await watches.start(join(root, name), OPTIONS, 'test');
  await expect(watches.start(join(root, 'd2'), OPTIONS, 'test')).rejects.toThrow('stop one with fs_watch_stop');
  expect(watches.list()).toHaveLength(2);
});

it('refuses a watch too many also when all are started at once', async () => {
  const { workspace: root } = await place();
  const names = ['d0', 'd1', 'd2', 'd3'].map((name) => join(root, name));
  for (const name of names) await mkdir(name);
  const watches = await open(root, {});
  const outcomes = await Promise.allSettled(names.map((name) => watches.start(name, OPTIONS, 'test')));
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
  expect(watches.list()).toHaveLength(2);
  await watches.stop(watches.list()[0]?.id ?? '', 'test');
  await watches.start(names[3] ?? '', OPTIONS, 'another');
});

it('writes changes that nobody reads', async () => {
  const directory = await temporaryDirectory();
  const limits = { changes: 10, entries: 10 };
  const inventory = new Inventory(limits);
  const epochs: [string, number][] = [['e', 0]];
  const identity = { version: 1 as const, watch: 'w', path: '/', options: OPTIONS, pid: process.pid, epochs };
  const journal = await Journal.create(join(directory, 'journal'), identity, inventory);
  if (!journal) throw new Error('it cannot be written');
  onTestFinished(() => journal.close());
  inventory.onRecord = (...noted) => journal.add(...noted);
  for (let n = 1; n <= 5000; n += 1) inventory.observe('f', { type: 'file', signature: n });
  await eventually('it is in the file', async () => !journal.pending);
  expect((await stat(join(directory, 'journal'))).size).toBeGreaterThan(5000);
});

it('ends a watch that outgrows its bound with words that help', async () => {
  const { workspace: root } = await place();
  const watches = await open(root, { entries: 3 });
  const { watch } = await watches.start(root, OPTIONS, 'test');
  const cursor = watch.cursorAt(watch.head);
  for (let index = 0; index < 5; index += 1) await writeFile(join(root, `f${index}`), '');
  await eventually('it has ended', () =>
    watches.changes(cursor, { ...READING, waitMs: 1000 }, never).then(
      () => false,
      (error: Error) => error.message.includes('more than 3 files'),
    ),
  );
});

it('is stopped when nobody holds it any more', async () => {
  const { workspace: root } = await place();
  const watches = await open(root, {});
  const { watch } = await watches.start(root, OPTIONS, 'one');
  expect((await watches.start(root, OPTIONS, 'another')).watch).toBe(watch);
  expect(await watches.stop(watch.id, 'one')).toBe(true);
  expect(watches.list()).toEqual([watch]);
  expect(await watches.stop(watch.id, 'another')).toBe(true);
  expect(watches.list()).toEqual([]);
});

it('takes the part of a journal that is whole, and what cannot be kept for a gap', async () => {
  const { workspace: root, configDir } = await place();
  const at = join(configDir, 'watches');
  const before = await open(root, {}, at);
  const { watch } = await before.start(root, OPTIONS, 'test');
  const cursor = watch.cursorAt(watch.head);
  await before.close();
  const [left] = (await (await Journals.open(at, { changes: 100, entries: 100 }))?.left()) ?? [];
  expect(left).toMatchObject({ watch: watch.id, path: root });
  const path = join(at, `${watch.id}.${left?.epochs.at(-1)?.[0]}.jsonl`);
  await writeFile(path, '[17,"cut o', { flag: 'a' });
  await writeFile(join(root, 'new'), '');
  const after = await open(root, {}, at);
  expect(await after.changes(cursor, READING, never)).toMatchObject({ changes: [{ path: 'new', kind: 'created' }] });

  // A file where the directory was: nothing can be written there.
  await after.close();
  await rm(at, { recursive: true });
  await writeFile(at, '');
  const without = await open(root, {}, at);
  expect(await without.changes(cursor, READING, never)).toMatchObject({ gap: 'not-known', changes: [] });
});

it('says of nothing outside of the allowed directories whether it is there', async () => {
  const { workspace: root } = await place();
  const outside = await temporaryDirectory();
  const directories = new Directories([root]);
  expect(await directories.find(root)).toEqual({ path: root, base: root });
  await expect(directories.find(outside)).rejects.toThrow('Access denied');
  await expect(directories.find(join(outside, 'nothing'))).rejects.toThrow('Access denied');
  await expect(directories.find(`${root}x`)).rejects.toThrow('Access denied');
});
