import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import type { AuditLog } from '../../src/core/audit-log.ts';
import type { ServerTransport } from '../../src/core/server-module.ts';
import type { AuditRecord } from '../../src/servers/proxmox/audit.ts';
import { TOOLS } from '../../src/servers/proxmox/tools/index.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import type { ProxmoxSimulator } from '../fakes/proxmox/simulator.ts';
import { guest } from '../fakes/proxmox/standard-cluster.ts';
import {
  AUDIT,
  apply,
  call,
  changesOf,
  connected,
  failureOf,
  logged,
  open,
  type Setup,
  startPve,
  temporaryDirectory,
  textOf,
} from './proxmox-setup.ts';

const security = (own: object) => ({ config: { security: { ...template.security, ...own } } });
const DELETE = { vmids: [103] };
const FULL_CLONE = { vmid: 104, newid: 300, full: true };

/** A client that can ask a person, who gives these answers. */
async function asking(
  pve: ProxmoxSimulator,
  answer: (message: string) => ElicitResult,
  setup: Setup = {},
  capability: { url?: object } = {},
) {
  const [near, far] = InMemoryTransport.createLinkedPair();
  await (await open(pve.port, setup))(far as ServerTransport);
  const client = new Client({ name: 'asker', version: '7' }, { capabilities: { elicitation: capability } });
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(params.message));
  await client.connect(near);
  onTestFinished(() => client.close());
  return client;
}

describe('classes of operations', () => {
  it.each(['snapshot', 'backup', 'monitor', 'manage_vms', 'cleanup'])(
    'with %s alone, no other tool is listed',
    async (operation) => {
      const pve = await startPve();
      const client = await connected(pve.port, security({ allowed_operations: [operation] }));
      const listed = (await client.listTools()).tools.map((tool) => tool.name);
      const wanted = TOOLS.filter((tool) => tool.operation === operation || tool.operation === 'derived');
      expect(listed).toEqual(wanted.map((tool) => tool.name));
      for (const tool of TOOLS.filter((one) => !listed.includes(one.name))) {
        await expect(call(client, tool.name)).rejects.toMatchObject({
          code: -32602,
          message: expect.stringContaining(`does not name "${tool.operation}"`),
        });
      }
      expect(pve.seen).toEqual([]);
    },
  );

  it('a call of the API needs the class of its path', async () => {
    const pve = await startPve();
    const client = await connected(pve.port, security({ allowed_operations: ['monitor', 'snapshot'] }));
    const status = { method: 'POST', path: '/nodes/pve3/qemu/103/status/start' };
    expect(await failureOf(client, 'pve_api_call', status)).toMatch(/does not name "manage_vms"/);
    const snapshot = { method: 'POST', path: '/nodes/pve3/qemu/103/snapshot', params: { snapname: 'ok' } };
    expect(changesOf(await apply(client, 'pve_api_call', snapshot))).toMatchObject({ applied: true });
    // What no class describes needs all of them.
    const user = { method: 'POST', path: '/access/users', params: { userid: 'eve@pve' } };
    expect(await failureOf(client, 'pve_api_call', user)).toMatch(/does not name "backup"/);
    expect(pve.writes).toHaveLength(1);
  });
});

describe('a session that may only monitor', () => {
  it.each([
    ['GET', '/nodes/pve1/qemu/100/agent/file-read', { file: '/etc/hostname' }],
    ['GET', '/nodes/pve1/query-url-metadata', { url: 'https://example.org/' }],
    ['POST', '/nodes/pve1/qemu/100/agent/exec', { command: ['id'] }],
    ['POST', '/nodes/pve3/qemu/103/status/start', {}],
  ])('calls no %s %s', async (method, path, params) => {
    const pve = await startPve();
    const client = await connected(pve.port, security({ allowed_operations: ['monitor'] }));
    const refusal = await failureOf(client, 'pve_api_call', { method, path, params });
    expect(refusal).toMatch(/does not name "manage_vms"/);
    expect(pve.seen.filter((one) => one.path.includes(path))).toEqual([]);
  });
});

describe('without enable_destructive_operations', () => {
  const off = security({ enable_destructive_operations: false });

  it('tools that only destroy are not listed, and refused', async () => {
    const pve = await startPve();
    const client = await connected(pve.port, off);
    const { tools } = await client.listTools();
    expect(tools.every((tool) => tool.annotations?.destructiveHint === false)).toBe(true);
    const names = tools.map((tool) => tool.name);
    for (const tool of TOOLS.filter((one) => one.effects.join() === 'destructive')) {
      expect(names).not.toContain(tool.name);
      await expect(call(client, tool.name)).rejects.toMatchObject({
        message: expect.stringMatching(/destructive_operations" in proxmox-config.json is false/),
      });
    }
  });

  it.each<[string, object]>([
    ['pve_power', { vmids: [102], action: 'stop' }],
    ['pve_power', { vmids: [102], action: 'shutdown', force_stop: true }],
    ['pve_disk', { vmid: 103, action: 'remove', disk: 'scsi0' }],
    [
      'pve_restore_backup',
      { volid: 'vault:backup/vzdump-qemu-102-7.vma.zst', node: 'pve2', vmid: 102, overwrite: true },
    ],
    ['pve_backup_job', { action: 'delete', id: 'nightly' }],
    ['pve_ha', { vmid: 100, action: 'remove' }],
    ['pve_guest_file', { vmid: 100, action: 'write', path: '/x', content: '' }],
    ['pve_cleanup_snapshots', { older_than_days: 1, dry_run: false }],
    ['pve_api_call', { method: 'PUT', path: '/nodes/pve3/qemu/103/config', params: { cores: 2 } }],
  ])('%s %j is refused, and so is a plan of it', async (name, args) => {
    const pve = await startPve();
    const client = await connected(pve.port, off);
    expect(await failureOf(client, name, args)).toMatch(
      /is destructive, and "security\.enable_destructive_operations"/,
    );
    expect(pve.writes).toEqual([]);
  });

  it('the rest works', async () => {
    const pve = await startPve();
    const client = await connected(pve.port, off);
    expect(changesOf(await call(client, 'pve_power', { vmids: [103], action: 'start' })).applied).toBe(true);
    expect(
      changesOf(await call(client, 'pve_guest_file', { vmid: 100, action: 'read', path: '/etc/hostname' })),
    ).toMatchObject({ content: 'web\n' });
  });
});

describe('limits', () => {
  it('max_vms_per_operation counts the guests that are meant', async () => {
    const pve = await startPve();
    const client = await connected(pve.port, security({ max_vms_per_operation: 1 }));
    const many = /would change 2 guests, and "security\.max_vms_per_operation" in proxmox-config\.json allows 1/;
    expect(await failureOf(client, 'pve_power', { vmids: [103, 104], action: 'start' })).toMatch(many);
    // Each guest counts once.
    expect(changesOf(await call(client, 'pve_power', { vmids: [103, 103], action: 'start' })).changes).toHaveLength(1);
    expect(changesOf(await call(client, 'pve_cleanup_snapshots', { older_than_days: 30 })).changes).toHaveLength(2);
    expect(await failureOf(client, 'pve_backup_job', { action: 'run', id: 'nightly' })).toMatch(many);
    const dump = (params: object) => ({ method: 'POST', path: '/nodes/pve1/vzdump', params });
    expect(await failureOf(client, 'pve_api_call', dump({ vmid: '100,104' }))).toMatch(many);
    expect(await failureOf(client, 'pve_api_call', dump({ all: 1 }))).toMatch(/would change 8 guests/);
    expect(changesOf(await call(client, 'pve_api_call', dump({ pool: 'shop' }))).plan_token).toBeDefined();
    expect(pve.writes).toHaveLength(1);
  });

  it.each<[string, object, RegExp]>([
    [
      'pve_create_vm',
      { node: 'pve1', name: 'x', disk: { storage: 'tank', size_gb: 51 } },
      /would take 51 GiB of storage, and "security\.max_storage_gb".*allows 50 GiB/,
    ],
    [
      'pve_create_container',
      {
        node: 'pve1',
        hostname: 'x',
        ostemplate: 'local:vztmpl/debian-13.tar.zst',
        rootfs: { storage: 'tank', size_gb: 51 },
      },
      /51 GiB/,
    ],
    ['pve_clone_guest', FULL_CLONE, /100 GiB/],
    ['pve_clone_guest', { vmid: 104, newid: 300 }, /100 GiB/],
    ['pve_disk', { vmid: 103, action: 'resize', disk: 'scsi0', size_gb: 59 }, /51 GiB/],
    ['pve_disk', { vmid: 103, action: 'add', disk: 'scsi1', size_gb: 51, storage: 'tank' }, /51 GiB/],
    ['pve_disk', { vmid: 104, action: 'move', disk: 'scsi0', storage: 'tank' }, /100 GiB/],
    ['pve_restore_backup', { volid: 'vault:backup/vzdump-qemu-500-2.vma.zst', node: 'pve1', vmid: 500 }, /900 GiB/],
    [
      'pve_download_media',
      { node: 'pve1', storage: 'local', url: 'https://example.org/huge.iso', filename: 'h.iso', checksum: 'a' },
      /1 PiB/,
    ],
    ['pve_update_config', { vmid: 103, set: { ide1: 'tank:51,media=cdrom' } }, /51 GiB/],
    [
      'pve_api_call',
      { method: 'POST', path: '/nodes/pve1/qemu', params: { vmid: 300, scsi0: 'tank:40', virtio1: 'tank:11' } },
      /51 GiB/,
    ],
    [
      'pve_api_call',
      { method: 'PUT', path: '/nodes/pve3/qemu/103/resize', params: { disk: 'scsi0', size: '+51G' } },
      /51 GiB/,
    ],
    [
      'pve_api_call',
      { method: 'POST', path: '/nodes/pve1/qemu/104/clone', params: { newid: 300, full: 1 } },
      /100 GiB/,
    ],
    [
      'pve_api_call',
      {
        method: 'POST',
        path: '/nodes/pve1/qemu',
        params: { vmid: 500, archive: 'vault:backup/vzdump-qemu-500-2.vma.zst' },
      },
      /900 GiB/,
    ],
    [
      'pve_api_call',
      { method: 'POST', path: '/nodes/pve1/storage/tank/content', params: { vmid: 103, filename: 'x', size: '51G' } },
      /51 GiB/,
    ],
    [
      'pve_api_call',
      { method: 'PUT', path: '/nodes/pve3/qemu/103/resize', params: { disk: 'scsi0', size: 'lots' } },
      /does not say size lots, so max_storage_gb cannot be checked/,
    ],
    [
      'pve_create_vm',
      { node: 'pve1', name: 'x', disk: { storage: 'tank', size_gb: 1 }, import_from: 'local:import/none.qcow2' },
      /does not say the size of local:import\/none/,
    ],
  ])('max_storage_gb stops %s %j', async (name, args, reason) => {
    const pve = await startPve();
    const client = await connected(pve.port, security({ max_storage_gb: 50 }));
    expect(await failureOf(client, name, args)).toMatch(reason);
    expect(pve.writes).toEqual([]);
  });

  it('max_storage_gb lets a linked clone and an import of three GiB pass', async () => {
    const pve = await startPve();
    const client = await connected(pve.port, security({ max_storage_gb: 3 }));
    const clone = await call(client, 'pve_clone_guest', { vmid: 9000, newid: 300, full: false });
    const image = { disk: { storage: 'tank', size_gb: 1 }, import_from: 'local:import/cloud.qcow2' };
    const made = await call(client, 'pve_create_vm', { node: 'pve1', vmid: 301, name: 'x', ...image });
    expect([changesOf(clone).applied, changesOf(made).applied]).toEqual([true, true]);
  });
});

describe('plan and apply', () => {
  it('[proxmox.plan] a plan is used once', async () => {
    const pve = await startPve();
    const client = await connected(pve.port);
    const { plan_token } = changesOf(await call(client, 'pve_delete_guest', DELETE));
    expect(changesOf(await call(client, 'pve_delete_guest', { ...DELETE, plan_token })).applied).toBe(true);
    pve.state.guests.set(103, guest({ vmid: 103 }));
    expect(await failureOf(client, 'pve_delete_guest', { ...DELETE, plan_token })).toMatch(
      /not known, or was used before/,
    );
    expect(pve.writes).toHaveLength(1);
  });

  it('[proxmox.plan] a plan holds for its own arguments and tool only', async () => {
    const pve = await startPve();
    const client = await connected(pve.port);
    const planned = async () => changesOf(await call(client, 'pve_delete_guest', DELETE)).plan_token;
    const other = { vmids: [104], plan_token: await planned() };
    expect(await failureOf(client, 'pve_delete_guest', other)).toMatch(/made for other arguments or another tool/);
    const purge = { ...DELETE, purge: true, plan_token: await planned() };
    expect(await failureOf(client, 'pve_delete_guest', purge)).toMatch(/made for other arguments/);
    const tool = { vmid: 103, plan_token: await planned() };
    expect(await failureOf(client, 'pve_convert_to_template', tool)).toMatch(/another tool/);
    expect(await failureOf(client, 'pve_delete_guest', { ...DELETE, plan_token: 'guessed' })).toMatch(/not known/);
    expect(pve.writes).toEqual([]);
  });

  it('[proxmox.plan] a plan ends after five minutes', async () => {
    const pve = await startPve();
    const clock = new ManualClock();
    const client = await connected(pve.port, { clock });
    const { plan_token } = changesOf(await call(client, 'pve_delete_guest', DELETE));
    clock.advance(300_000);
    expect(await failureOf(client, 'pve_delete_guest', { ...DELETE, plan_token })).toMatch(/has expired/);
  });

  it.each<[string, (pve: ProxmoxSimulator) => void]>([
    ['its configuration', (pve) => void Object.assign(pve.guest(103).config, { cores: 8 })],
    ['its state', (pve) => void Object.assign(pve.guest(103), { lock: 'backup' })],
    ['its node', (pve) => void Object.assign(pve.guest(103), { node: 'pve1' })],
  ])('a plan does not outlive a change of %s', async (_, change) => {
    const pve = await startPve();
    const client = await connected(pve.port);
    const { plan_token } = changesOf(await call(client, 'pve_delete_guest', DELETE));
    change(pve);
    expect(await failureOf(client, 'pve_delete_guest', { ...DELETE, plan_token })).toMatch(
      /has changed since, so it was not applied/,
    );
    expect(pve.writes).toEqual([]);
  });

  it('bulk cleanup only shows what would go, unless it is told otherwise', async () => {
    const pve = await startPve();
    const client = await connected(pve.port);
    for (const [name, args] of [
      ['pve_cleanup_snapshots', { older_than_days: 30, keep_last: 1 }],
      ['pve_cleanup_orphans', { kinds: ['unused_disks'] }],
      ['pve_prune_backups', { storage: 'vault', keep: { daily: 1 } }],
    ] as const) {
      const result = await call(client, name, args);
      expect(changesOf(result)).toMatchObject({
        applied: false,
        changes: expect.arrayContaining([expect.objectContaining({ outcome: 'planned' })]),
      });
      expect(changesOf(result)).not.toHaveProperty('plan_token');
      expect(textOf(result)).toMatch(/^Dry run: nothing was changed/);
    }
    expect(pve.writes).toEqual([]);
  });
});

describe('a client that can ask a person', () => {
  it('[proxmox.person] does, and goes on when the person agrees', async () => {
    const pve = await startPve();
    const asked: string[] = [];
    const client = await asking(pve, (message) => {
      asked.push(message);
      return { action: 'accept', content: { confirm: true } };
    });
    const result = await apply(client, 'pve_delete_guest', DELETE);
    expect(changesOf(result).applied).toBe(true);
    expect(asked).toEqual([
      expect.stringMatching(/on Proxmox server "main":\n- delete "test": qemu\/103 \(the guest, its snapshots/),
    ]);
    expect(pve.guest(104)).toBeDefined();
    expect(pve.state.guests.has(103)).toBe(false);
  });

  it('[proxmox.person] shows a person what a call of any endpoint sends, but no secret', async () => {
    const pve = await startPve();
    const asked: string[] = [];
    const client = await asking(pve, (message) => {
      asked.push(message);
      return { action: 'decline' };
    });
    const params = { delete: 'net0', description: 'x'.repeat(500), cipassword: 'hunter2' };
    await apply(client, 'pve_api_call', { method: 'PUT', path: '/nodes/pve3/qemu/103/config', params });
    expect(asked).toEqual([expect.stringMatching(/delete=net0, description=x+\.\.\., cipassword=\*\*\*/)]);
    expect(asked[0]?.length).toBeLessThan(600);
  });

  it.each<[string, ElicitResult]>([
    ['declines', { action: 'decline' }],
    ['goes away', { action: 'cancel' }],
    ['accepts without the tick', { action: 'accept', content: { confirm: false } }],
    ['accepts an empty form', { action: 'accept', content: {} }],
  ])('changes nothing when the person %s', async (_, answer) => {
    const pve = await startPve();
    const client = await asking(pve, () => answer);
    const { plan_token } = changesOf(await call(client, 'pve_delete_guest', DELETE));
    const confirmed = { ...DELETE, plan_token };
    expect(await failureOf(client, 'pve_delete_guest', confirmed)).toMatch(/did not agree\. Nothing was changed/);
    expect(await failureOf(client, 'pve_delete_guest', confirmed)).toMatch(/used before/);
    // No argument takes the place of a person.
    expect(await failureOf(client, 'pve_delete_guest', { ...DELETE, confirm: true })).toMatch(/"confirm"/);
    expect(pve.writes).toEqual([]);
  });

  it('[proxmox.person] changes nothing when nobody can be asked after all', async () => {
    const pve = await startPve();
    const client = await asking(pve, () => {
      throw new Error('no screen');
    });
    expect(textOf(await apply(client, 'pve_delete_guest', DELETE))).toMatch(
      /Nobody could be asked \(.*no screen\)\. Nothing was changed/,
    );
    expect(pve.writes).toEqual([]);
  });

  it('[proxmox.person] changes nothing if things changed while the person thought', async () => {
    const pve = await startPve();
    const client = await asking(pve, () => {
      pve.guest(103).config.cores = 8;
      return { action: 'accept', content: { confirm: true } };
    });
    const result = await apply(client, 'pve_delete_guest', DELETE);
    expect(textOf(result)).toMatch(/has changed since/);
    expect(pve.writes).toEqual([]);
  });

  it('asks nobody for what is not destructive, nor by a link', async () => {
    const pve = await startPve();
    const never = () => {
      throw new Error('asked');
    };
    const client = await asking(pve, never);
    expect(changesOf(await call(client, 'pve_power', { vmids: [104], action: 'start' })).applied).toBe(true);
    const byLink = await asking(pve, never, {}, { url: {} });
    expect(changesOf(await apply(byLink, 'pve_delete_guest', DELETE)).applied).toBe(true);
  });
});

describe('the record of changes', () => {
  async function recorded(configDir: string): Promise<AuditRecord[]> {
    const text = await readFile(join(configDir, AUDIT), 'utf8');
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as AuditRecord);
  }

  it('[proxmox.audit] has each change twice: before it is sent, and with its end', async () => {
    const pve = await startPve();
    pve.tasks.fail('qmstart', 'no memory');
    const configDir = await temporaryDirectory();
    const client = await asking(pve, () => ({ action: 'accept', content: { confirm: true } }), { configDir });
    await call(client, 'pve_power', { vmids: [104], action: 'start' });
    await apply(client, 'pve_guest_exec', { vmid: 100, command: ['echo', 'x'], input: 's3cr3t' });
    const records = await recorded(configDir);
    const common = {
      who: 'root@pam!mcp',
      client: 'asker 7',
      server: 'main',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    };
    expect(records).toMatchObject([
      {
        ...common,
        tool: 'pve_power',
        action: 'start',
        target: 'qemu/104',
        guests: [104],
        result: 'sent',
        request: 'POST /nodes/pve1/qemu/104/status/start',
      },
      {
        ...common,
        result: 'failed',
        message: 'no memory',
        upid: expect.stringMatching(/^UPID:pve1:.*:qmstart:104:/),
        id: records[0]?.id,
      },
      { ...common, tool: 'pve_guest_exec', result: 'sent', confirmed: 'person' },
      { ...common, result: 'done' },
    ]);
    expect(JSON.stringify(records)).not.toContain('s3cr3t');
    expect((await call(client, 'pve_audit_log', { limit: 1 })).structuredContent).toMatchObject({
      records: [{ result: 'done' }],
      incomplete: false,
    });
    const log = logged.filter(({ fields }) => 'event' in fields);
    const fields = records.map(({ id, tool, result }) => ({
      event: 'proxmox.write',
      who: 'root@pam!mcp',
      id,
      tool,
      result,
    }));
    expect(log).toMatchObject(fields.map((one) => ({ level: 'info', fields: one })));
    expect(JSON.stringify(log)).not.toMatch(/s3cr3t|echo/);
  });

  it('[proxmox.audit] has nothing of what was only read or planned', async () => {
    const pve = await startPve();
    const configDir = await temporaryDirectory();
    const client = await connected(pve.port, { configDir });
    await call(client, 'pve_cluster_overview');
    await call(client, 'pve_delete_guest', DELETE);
    expect(await recorded(configDir)).toEqual([]);
  });

  it.each<[string, Partial<AuditLog>]>([
    ['be written', { append: () => Promise.reject(new Error('ENOSPC')) }],
    ['take more', { full: true }],
  ])('[proxmox.audit] goes before the change: where it cannot %s nothing is changed', async (_, broken) => {
    const pve = await startPve();
    const audit = { full: false, append: async () => {}, lines: async () => [], ...broken };
    const client = await connected(pve.port, { audit });
    const result = await call(client, 'pve_power', { vmids: [104], action: 'start' });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toMatch(/cannot be written .*without it nothing is changed/);
    expect(pve.writes).toEqual([]);
  });

  it('[proxmox.audit] says so where older records made room', async () => {
    const lines = ['{"time":"2026-01-01T00:00:00Z","event":"rotated"}', '{"half'];
    const audit = { full: false, append: async () => {}, lines: async () => lines };
    const client = await connected((await startPve()).port, { audit });
    const result = await call(client, 'pve_audit_log');
    expect(result.structuredContent).toEqual({ records: [], incomplete: true });
    expect(textOf(result)).toBe('Older records made room');
  });
});
