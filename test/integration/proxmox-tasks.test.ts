import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call, changesOf, connected, startPve, textOf } from './proxmox-setup.ts';

const ARGS = { vmids: [103], action: 'start' };

describe('a task', () => {
  it('is waited for, with progress', async () => {
    const pve = await startPve({ taskMs: 600_000 });
    const client = await connected(pve.port);
    const messages: string[] = [];
    const pending = client.callTool({ name: 'pve_power', arguments: ARGS }, undefined, {
      onprogress: ({ message }) => void messages.push(message ?? ''),
    });
    await eventually('progress is there', async () => messages.length > 0);
    pve.tasks.taskMs = 0;
    pve.tasks.finish();
    const { changes } = changesOf((await pending) as never);
    expect(changes).toMatchObject([{ outcome: 'done', state: 'running' }]);
    expect(messages[0]).toBe('qmstart: qmstart 103 begins');
  });

  it.each([
    ['WARNINGS: 2', 'warnings'],
    ['no space left', 'failed'],
  ])('that ends with %s: %s', async (exit, outcome) => {
    const pve = await startPve();
    pve.tasks.fail('qmstart', exit);
    const result = await call(await connected(pve.port), 'pve_power', ARGS);
    expect(changesOf(result).changes).toMatchObject([{ outcome, message: exit }]);
    expect(result.isError ?? false).toBe(outcome === 'failed');
    expect(textOf(result)).toContain(exit);
  });

  it('is not waited for longer than was said', async () => {
    const pve = await startPve({ taskMs: 600_000 });
    const client = await connected(pve.port);
    const result = await call(client, 'pve_power', { ...ARGS, wait_seconds: 1 });
    expect(result).not.toHaveProperty('isError');
    expect(changesOf(result).changes).toMatchObject([
      { outcome: 'running', message: 'it goes on; pve_task shows how far it is' },
    ]);
  });

  it('goes on when the call is cancelled, and the record says so', async () => {
    const pve = await startPve({ taskMs: 600_000 });
    const client = await connected(pve.port);
    const cancel = new AbortController();
    const pending = client.callTool({ name: 'pve_power', arguments: ARGS }, undefined, { signal: cancel.signal });
    const refused = expect(pending).rejects.toThrow();
    await eventually('the task runs', async () => pve.tasks.list().length === 1);
    cancel.abort();
    await refused;
    const records = await eventually('the record is there', async () => {
      const { structuredContent } = await call(client, 'pve_audit_log');
      const all = (structuredContent as { records: { result: string }[] }).records;
      return all.length === 2 ? all : undefined;
    });
    expect(records[1]).toMatchObject({
      result: 'running',
      upid: expect.stringContaining('qmstart'),
      message: expect.stringContaining('cancelled'),
    });
    expect(pve.tasks.list()[0]?.exitstatus).toBeUndefined();
  });

  it('of high availability says OK before the guest has started: the guest is looked at', async () => {
    const pve = await startPve();
    Object.assign(pve.guest(103), { ha: 'stopped' });
    pve.tasks.deferMs = 1500;
    const { changes } = changesOf(await call(await connected(pve.port), 'pve_power', ARGS));
    expect(changes).toMatchObject([
      { outcome: 'done', state: 'running', upid: expect.stringContaining(':hastart:103:') },
    ]);
  });

  it('of several guests run at once, and one that fails stops none', async () => {
    const pve = await startPve();
    pve.tasks.fail('qmsnapshot', 'no space');
    const args = { vmids: [100, 101, 102, 103, 104, 105], name: 'all' };
    const { changes } = changesOf(await call(await connected(pve.port), 'pve_create_snapshot', args));
    expect(changes.map((one) => one.target)).toEqual([
      'qemu/100',
      'lxc/101',
      'qemu/102',
      'qemu/103',
      'qemu/104',
      'lxc/105',
    ]);
    expect(changes.map((one) => one.outcome).sort()).toEqual(['done', 'done', 'done', 'done', 'done', 'failed']);
  });
});
