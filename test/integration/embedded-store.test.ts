import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { StoreUnavailable } from '../../src/core/errors.ts';
import { EmbeddedStore } from '../../src/store/embedded/store.ts';
import { collect, connectionRecord, sessionRecord } from '../support/records.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'embedded-'));
  path = join(directory, 'state', 'store.db');
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const openStore = (clock = systemClock) => new EmbeddedStore({ path, clock });

/** The error with which the store refuses its file. */
function refusal(): StoreUnavailable {
  try {
    openStore();
  } catch (error) {
    if (error instanceof StoreUnavailable) return error;
    throw error;
  }
  throw new Error('the store opened');
}

/** Changes the file behind the store's back. */
function tamper(sql: string): void {
  using db = new DatabaseSync(path);
  db.exec(sql);
}

describe('embedded store', () => {
  it('is readable for its owner only', async () => {
    await using store = openStore();
    await store.create(sessionRecord(Date.now()));
    expect((await stat(join(directory, 'state'))).mode & 0o777).toBe(0o700);
    for (const suffix of ['', '-wal', '-shm']) expect((await stat(path + suffix)).mode & 0o777).toBe(0o600);
  });

  it('makes a file that others could read its own again', async () => {
    await openStore()[Symbol.asyncDispose]();
    await chmod(path, 0o644);
    await using _ = openStore();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('has everything again when it is opened again', async () => {
    const record = sessionRecord(Date.now());
    const connection = connectionRecord(record.id);
    let deadline: number | undefined;
    {
      await using store = openStore();
      await store.create(record);
      await store.add(connection);
      deadline = await store.deadline(record.id);
    }
    await using store = openStore();
    expect(await collect(store)).toEqual([record]);
    expect(await store.deadline(record.id)).toBe(deadline);
    expect(await store.find(record.id, connection.id)).toEqual(connection);
  });

  it('loses nothing that was acknowledged when its process is killed', async () => {
    const child = spawn(process.execPath, ['test/fakes/store-writer.ts', path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    const acknowledged: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      acknowledged.push(line);
      if (acknowledged.length === 200) child.kill('SIGKILL');
    }
    await exit;
    expect(acknowledged.length).toBeGreaterThanOrEqual(200);
    await using store = openStore();
    for (const id of acknowledged) {
      expect((await store.peek(id))?.version).toBe(2);
      expect(await store.count(id)).toBe(1);
    }
  });

  it('throws away what is over, connections too, when the next session is made', async () => {
    let time = 1000;
    const clock = { ...systemClock, now: () => time };
    await using store = openStore(clock);
    const over = sessionRecord(time);
    await store.create(over);
    await store.add(connectionRecord(over.id));
    time += over.idleTtlMs;
    await store.create(sessionRecord(time));
    using db = new DatabaseSync(path, { readOnly: true });
    expect(db.prepare('SELECT count(*) AS n FROM sessions').get()).toEqual({ n: 1 });
    expect(db.prepare('SELECT count(*) AS n FROM connections').get()).toEqual({ n: 0 });
  });
});

describe('a file that the embedded store cannot use', () => {
  it('is named: not a database', async () => {
    await openStore()[Symbol.asyncDispose]();
    await writeFile(path, 'This is not a database. '.repeat(500));
    expect(refusal().message).toMatch(`The store ${path} is damaged or not a database`);
    expect(await readFile(path, 'utf8')).toMatch(/^This is not/); // left for the operator
  });

  it('is named: damaged', async () => {
    {
      await using store = openStore();
      for (let n = 0; n < 100; n++) await store.create(sessionRecord(Date.now()));
    }
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    await file.write(Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096); // all but the first page
    await file.close();
    expect(refusal().message).toMatch(`The store ${path} is damaged`);
  });

  it('is named: of a newer version', async () => {
    await openStore()[Symbol.asyncDispose]();
    tamper('PRAGMA user_version = 99');
    expect(refusal().message).toMatch(`The store ${path} was written by a newer version`);
  });

  it('is named: of another program', async () => {
    await openStore()[Symbol.asyncDispose]();
    await rm(path);
    tamper('CREATE TABLE recipes (name TEXT)');
    expect(refusal().message).toMatch(`The file ${path} is a database of another program`);
    tamper('INSERT INTO recipes VALUES (1)'); // and is as it was
  });

  it('is named: a directory', () => {
    path = directory;
    expect(refusal().message).toMatch(`The store ${path} cannot be used`);
  });

  it('is an outage: damaged while it is open', async () => {
    await using store = openStore();
    tamper('PRAGMA foreign_keys = OFF; DROP TABLE sessions');
    await expect(store.peek('some-aaaaaaaaaaaaaaaa')).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(collect(store)).rejects.toBeInstanceOf(StoreUnavailable);
  });

  it('is an outage: locked by another process for long', async () => {
    await using store = openStore();
    const record = sessionRecord(Date.now());
    await store.create(record);
    using other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.touch(record.id)).rejects.toBeInstanceOf(StoreUnavailable);
    expect(await store.peek(record.id)).toEqual(record);
    other.exec('ROLLBACK');
    expect(await store.touch(record.id)).toEqual(record);
  });

  it('is an outage: closed', async () => {
    const store = openStore();
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await expect(store.peek('some-aaaaaaaaaaaaaaaa')).rejects.toBeInstanceOf(StoreUnavailable);
  });
});
