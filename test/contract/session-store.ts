import { describe, expect, it } from 'vitest';
import { newNonce, type SessionId } from '../../src/core/ids.ts';
import { changed } from '../../src/core/session.ts';
import { collect, connectionRecord, IDLE, sessionRecord } from '../support/records.ts';
import { connectionSuite } from './connection-store.ts';
import type { Pair } from './pairs.ts';
import { expectAbsent, type Store, StorePair } from './store-pair.ts';

/** The contract of `SessionStore` and `ConnectionStore` (src/core/store.ts), for one implementation. */
export function sessionStoreContract(open: () => Promise<Pair<Store>>): void {
  const pair = new StorePair(open);
  describe('generation', () => generationSuite(pair));
  describe('create', () => createSuite(pair));
  describe('replace', () => replaceSuite(pair));
  describe('delete', () => deleteSuite(pair));
  describe('deadline', () => {
    slidingSuite(pair);
    expirySuite(pair);
  });
  describe('list', () => listSuite(pair));
  describe('connections', () => connectionSuite(pair));
}

/** First of all suites: the store is new. */
function generationSuite(pair: StorePair): void {
  it('is none in a new store, whatever is in it, and for good the one that it began with', async () => {
    const { id } = await pair.made();
    await pair.b.touch(id);
    expect(await pair.a.generation()).toBeUndefined();
    expect(await pair.a.begin('one')).toBe(false);
    expect(await pair.a.prepare('one')).toBe(true);
    expect(await pair.b.prepare('two')).toBe(true);
    expect(await pair.a.generation()).toBeUndefined();
    expect(await pair.a.begin('one')).toBe(false);
    expect(await pair.b.generation()).toBeUndefined();
    const begun = await Promise.all([pair.a.begin('two'), pair.b.begin('two')]);
    expect(begun.filter(Boolean)).toHaveLength(1);
    expect([await pair.a.generation(), await pair.b.generation()]).toEqual(['two', 'two']);
    expect(await pair.a.prepare('three')).toBe(false);
    expect(await pair.b.begin('three')).toBe(false);
    expect(await pair.b.begin('two')).toBe(false);
    expect(await pair.b.delete(id)).toBe(true);
    expect(await pair.a.generation()).toBe('two');
  });
}

function createSuite(pair: StorePair): void {
  it('makes a session that every replica sees, unchanged', async () => {
    const record = await pair.made();
    expect(await pair.b.peek(record.id)).toEqual(record);
    expect(await pair.b.touch(record.id)).toEqual(record);
  });

  it('leaves a session that is there as it is', async () => {
    const record = await pair.made();
    expect(await pair.b.create({ ...record, nonce: newNonce(), version: 7, owner: 'somebody else' })).toBe(false);
    expect(await pair.a.peek(record.id)).toEqual(record);
  });

  it('is won by exactly one of many', async () => {
    const records = Array.from({ length: 20 }, () => ({
      ...sessionRecord(pair.now()),
      id: 'race-aaaaaaaaaaaaaaaa',
    }));
    const won = await Promise.all(records.map((record, n) => (n % 2 ? pair.a : pair.b).create(record)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await pair.a.peek('race-aaaaaaaaaaaaaaaa')).toEqual(records[won.indexOf(true)]);
  });
}

function replaceSuite(pair: StorePair): void {
  it('writes the next version only', async () => {
    const record = await pair.made();
    const next = changed(record, { keep: true });
    expect(await pair.b.replace({ ...next, version: 3 })).toBe(false);
    expect(await pair.b.replace({ ...next, version: 1 })).toBe(false);
    expect(await pair.a.peek(record.id)).toEqual(record);
    expect(await pair.b.replace(next)).toBe(true);
    expect(await pair.a.peek(record.id)).toEqual(next);
    expect(await pair.a.replace(next)).toBe(false);
    expect(await pair.a.replace(changed(next, { keep: false }))).toBe(true);
  });

  it('is won by exactly one of many', async () => {
    const record = await pair.made();
    const nexts = Array.from({ length: 20 }, (_, n) => changed(record, { workspace: `/${n}` }));
    const won = await Promise.all(nexts.map((next, n) => (n % 2 ? pair.a : pair.b).replace(next)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await pair.a.peek(record.id)).toEqual(nexts[won.indexOf(true)]);
  });

  it('never brings back a session that was deleted', async () => {
    for (let round = 0; round < 50; round++) {
      const record = await pair.made();
      const next = changed(record, { keep: true });
      const both = [() => pair.a.delete(record.id), () => pair.b.replace(next)];
      await Promise.all((round % 2 ? both : both.reverse()).map((run) => run()));
      expect(await pair.b.peek(record.id)).toBeUndefined();
      expect(await pair.b.replace(next)).toBe(false);
      expect(await pair.a.peek(record.id)).toBeUndefined();
    }
  });

  it('does not touch a later session with the same id', async () => {
    const earlier = await pair.made();
    await pair.a.delete(earlier.id);
    const later = await pair.made({ id: earlier.id });
    expect(await pair.b.replace(changed(earlier, { keep: true }))).toBe(false);
    expect(await pair.b.peek(earlier.id)).toEqual(later);
  });
}

function deleteSuite(pair: StorePair): void {
  it('ends a session once, with its connections', async () => {
    const record = await pair.made();
    const connection = connectionRecord(record.id);
    await pair.a.add(connection);
    expect(await pair.b.delete(record.id)).toBe(true);
    expect(await pair.a.delete(record.id)).toBe(false);
    await expectAbsent(pair.a, record, connection);
    await pair.made({ id: record.id });
    expect(await pair.a.find(record.id, connection.id)).toBeUndefined();
    expect(await pair.a.count(record.id)).toBe(0);
  });
}

function slidingSuite(pair: StorePair): void {
  it('slides with touch', async () => {
    const record = await pair.made();
    const before = await pair.a.deadline(record.id);
    await pair.pass(5);
    await pair.b.touch(record.id);
    expect(await pair.a.deadline(record.id)).toBeGreaterThan(before ?? Number.NaN);
    expect(await pair.a.deadline(record.id)).toBeLessThanOrEqual(pair.now() + IDLE);
  });

  it('never passes the maximum age', async () => {
    const record = await pair.made({ maxAt: pair.now() + IDLE + 10 });
    await pair.pass(20);
    await pair.a.touch(record.id);
    expect(await pair.a.deadline(record.id)).toBe(record.maxAt);
    const short = await pair.made({ maxAt: pair.now() + IDLE / 2 });
    expect(await pair.a.deadline(short.id)).toBe(short.maxAt);
  });

  it('stays where it is under peek, list, replace and what concerns connections', async () => {
    const record = await pair.made();
    const before = await pair.a.deadline(record.id);
    const connection = connectionRecord(record.id);
    await pair.pass(5);
    await pair.a.peek(record.id);
    await collect(pair.a);
    expect(await pair.a.replace(changed(record, { keep: true }))).toBe(true);
    await pair.a.add(connection);
    await pair.a.find(record.id, connection.id);
    await pair.a.count(record.id);
    await pair.a.remove(record.id, connection.id);
    expect(await pair.a.create(record)).toBe(false);
    expect(await pair.b.deadline(record.id)).toBe(before);
  });

  it('follows a changed idle TTL with the next touch, a changed maximum age at once if it is earlier', async () => {
    const record = await pair.made();
    const before = await pair.a.deadline(record.id);
    const longer = changed(record, { idleTtlMs: 2 * IDLE, maxAt: record.maxAt + IDLE });
    expect(await pair.a.replace(longer)).toBe(true);
    expect(await pair.a.deadline(record.id)).toBe(before);
    await pair.b.touch(record.id);
    expect(await pair.a.deadline(record.id)).toBeGreaterThan((before ?? Number.NaN) + IDLE / 2);
    const shorter = changed(longer, { maxAt: pair.now() + IDLE / 2 });
    expect(await pair.a.replace(shorter)).toBe(true);
    expect(await pair.a.deadline(record.id)).toBe(shorter.maxAt);
  });
}

function expirySuite(pair: StorePair): void {
  it('ends the session: it is not there, whatever is called, until it is created again', async () => {
    const record = await pair.made({ idleTtlMs: 300 });
    const connection = connectionRecord(record.id);
    await pair.a.add(connection);
    const kept = await pair.made();
    await pair.pass(310);
    await expectAbsent(pair.b, record, connection);
    expect((await collect(pair.a)).map(({ id }) => id)).toContain(kept.id);
    const again = await pair.made({ id: record.id, idleTtlMs: IDLE });
    expect(await pair.b.peek(record.id)).toEqual(again);
    expect(await pair.b.count(record.id)).toBe(0);
  });

  it('of a session that was past its maximum age when it was made has passed', async () => {
    const record = await pair.made({ maxAt: pair.now() - 1 });
    await expectAbsent(pair.b, record, connectionRecord(record.id));
  });
}

function listSuite(pair: StorePair): void {
  it('has every session that is there throughout once, whatever happens to others meanwhile', async () => {
    const staying = await Promise.all(Array.from({ length: 250 }, () => pair.made()));
    const leaving = await Promise.all(Array.from({ length: 120 }, () => pair.made()));
    const seen: SessionId[] = [];
    for await (const { id } of pair.a.list()) {
      seen.push(id);
      const victim = leaving.pop();
      if (victim) await pair.b.delete(victim.id);
      if (seen.length % 3 === 0) await pair.made();
      const stays = staying[seen.length % staying.length];
      if (stays) await pair.b.touch(stays.id);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(staying.filter(({ id }) => !seen.includes(id))).toEqual([]);
    const after = (await collect(pair.b)).map(({ id }) => id);
    expect(new Set(after).size).toBe(after.length);
    expect(after.length).toBeGreaterThan(250);
  });

  it('may be left early', async () => {
    await pair.made();
    for await (const _ of pair.a.list()) break;
    expect((await collect(pair.a)).length).toBeGreaterThan(0);
  });
}
