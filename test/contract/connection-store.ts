import { expect, it } from 'vitest';
import { changed } from '../../src/core/session.ts';
import { connectionRecord } from '../support/records.ts';
import type { StorePair } from './store-pair.ts';

/** The contract of `ConnectionStore` where it does not concern the life of sessions. */
export function connectionSuite(pair: StorePair): void {
  it('are found, counted and removed', async () => {
    const { id } = await pair.made();
    const [one, two] = [connectionRecord(id), { ...connectionRecord(id), server: 'filesystem' }];
    expect(await pair.a.count(id)).toBe(0);
    expect(await pair.a.add(one)).toBe(true);
    expect(await pair.b.add(two)).toBe(true);
    expect(await pair.a.find(id, two.id)).toEqual(two);
    expect(await pair.b.find(id, one.id)).toEqual(one);
    expect(await pair.b.count(id)).toBe(2);
    expect(await pair.b.remove(id, one.id)).toBe(true);
    expect(await pair.a.remove(id, one.id)).toBe(false);
    expect(await pair.a.find(id, one.id)).toBeUndefined();
    expect(await pair.a.count(id)).toBe(1);
  });

  it('are kept once if added twice', async () => {
    const { id } = await pair.made();
    const connection = connectionRecord(id);
    expect(await pair.a.add(connection)).toBe(true);
    expect(await pair.b.add({ ...connection, protocolVersion: '2025-11-25' })).toBe(true);
    expect(await pair.a.count(id)).toBe(1);
    expect((await pair.a.find(id, connection.id))?.protocolVersion).toBe('2025-11-25');
  });

  it('are listed', async () => {
    const { id } = await pair.made();
    expect(await pair.a.connections(id)).toEqual([]);
    const [one, two] = [connectionRecord(id), { ...connectionRecord(id), transport: 'sse' as const }];
    await pair.a.add(one);
    await pair.b.add(two);
    const listed = await pair.a.connections(id);
    expect(listed).toHaveLength(2);
    expect(listed).toEqual(expect.arrayContaining([one, two]));
    await pair.b.remove(id, one.id);
    expect(await pair.a.connections(id)).toEqual([two]);
  });

  it('belong to their session alone', async () => {
    const [mine, other] = [await pair.made(), await pair.made()];
    const connection = connectionRecord(mine.id);
    await pair.a.add(connection);
    expect(await pair.a.find(other.id, connection.id)).toBeUndefined();
    expect(await pair.a.remove(other.id, connection.id)).toBe(false);
    expect(await pair.a.count(other.id)).toBe(0);
    expect(await pair.a.connections(other.id)).toEqual([]);
  });

  it('outlive a replace of their session', async () => {
    const record = await pair.made();
    const connection = connectionRecord(record.id);
    await pair.a.add(connection);
    await pair.a.replace(changed(record, { keep: true }));
    expect(await pair.b.find(record.id, connection.id)).toEqual(connection);
  });
}
