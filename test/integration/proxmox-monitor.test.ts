import fc from 'fast-check';
import { expect, it } from 'vitest';
import * as z from 'zod';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import { TOOLS } from '../../src/servers/proxmox/tools/index.ts';
import { ROUTES } from '../fakes/proxmox/routes/index.ts';
import type { Seen } from '../fakes/proxmox/simulator.ts';
import { call, changesOf, connected, startPve } from './proxmox-setup.ts';

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** Values that mean something to the cluster, so that calls get far. */
const KNOWN: Readonly<Record<string, readonly unknown[]>> = {
  vmid: [100, 101, 102, 103, 104, 105, 9000],
  newid: [300],
  node: ['pve1', 'pve2', 'pve3'],
  target: ['pve3'],
  storage: ['local', 'tank', 'ceph', 'vault'],
  disk: ['scsi0', 'mp0', 'unused0'],
  volid: ['vault:backup/vzdump-qemu-102-7.vma.zst'],
  volids: [['vault:backup/vzdump-qemu-102-7.vma.zst']],
  vmids: [[103], [100, 101]],
  name: ['before', 'auto-1', 'new'],
  id: ['nightly'],
  scope: ['cluster'],
  pos: [0],
  dry_run: [false],
  wait_seconds: [0],
  timeout: [1],
  command: [['echo']],
  url: ['https://example.org/x.iso'],
  filename: ['x.iso'],
  checksum: ['abc'],
  since: ['2026-01-01T00:00:00Z'],
  method: ['GET'],
  path: ['/version', '/nodes/pve1/status', '/vms/100'],
  params: [{}],
  query: ['status'],
  userid: ['root@pam'],
  type: ['vm', 'bridge', 'qmstart'],
  cursor: [''],
};

/** Arguments as a schema has them, with what a schema does not know. */
function argumentOf(name: string, schema: Schema): fc.Arbitrary<unknown> {
  const known = KNOWN[name];
  const own = known ? [{ weight: 40, arbitrary: fc.constantFrom(...known) }] : [];
  return fc.oneof(...own, { weight: 20, arbitrary: formOf(schema) }, { weight: 1, arbitrary: fc.jsonValue() });
}

function formOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(formOf));
  if (schema.type === 'boolean') return fc.boolean();
  if (schema.type === 'integer' || schema.type === 'number') return fc.integer({ min: 1, max: 60 });
  if (schema.type === 'array') return fc.array(formOf(schema.items ?? {}), { minLength: 1, maxLength: 3 });
  if (schema.properties) return argumentsOf(schema);
  return fc.string({ maxLength: 20 });
}

function argumentsOf({ properties = {}, required = [] }: Schema): fc.Arbitrary<Record<string, unknown>> {
  const model = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, argumentOf(name, schema)]),
  );
  return fc.record(model, { requiredKeys: [...required] }) as fc.Arbitrary<Record<string, unknown>>;
}

const anyTool = fc
  .constantFrom(...TOOLS)
  .chain((tool) => {
    const schema = z.toJSONSchema(tool.input, { io: 'input' }) as Schema;
    const plans = fc.constantFrom(
      {},
      {},
      {},
      { plan_token: 'AAAAAAAAAAAAAAAAAAAAAAAA' },
      { server: 'main' },
      { confirm: true },
    );
    return fc.tuple(fc.constant(tool.name), argumentsOf(schema), plans);
  })
  .map(([name, args, plan]): [string, Record<string, unknown>] => [name, { ...args, ...plan }]);

/** Any method of any path that the cluster has, odd spellings too. */
const anyCall = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'get', 'PATCH'),
    fc.constantFrom(...ROUTES.map((route) => route.path), '/access/ticket', '/nodes/pve1/status'),
    fc.constantFrom('', '', '', '/', '/../..', '?x=1', '%2e', '/status/start'),
    fc.constantFrom({}, {}, { vmid: '103', snapname: 'new' }, { delete: 'scsi0' }, { timeframe: 'hour' }),
    fc.record({ node: fc.constantFrom('pve1', 'pve2', 'pve3'), vmid: fc.constantFrom('100', '102', '103') }),
  )
  .map(([method, path, end, params, names]): [string, Record<string, unknown>] => {
    const values: Readonly<Record<string, string>> = {
      storage: 'vault',
      volume: 'vault:backup/vzdump-qemu-102-7.vma.zst',
      snapname: 'before',
      pos: '0',
      id: 'nightly',
      sid: 'vm:100',
      ...names,
    };
    return [
      'pve_api_call',
      { method, path: path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? 'x') + end, params },
    ];
  });

// 3000 calls, each a conversation with the cluster.
it('[proxmox.monitor] a session that may only monitor changes nothing, whatever is called with whatever arguments', {
  timeout: 120_000,
}, async () => {
  const pve = await startPve();
  const security = { ...template.security, allowed_operations: ['monitor'] };
  const client = await connected(pve.port, { config: { security } });
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(anyTool, anyCall), async ([name, args]) => {
      const result = await call(client, name, args).catch(() => undefined);
      if (result && !result.isError) answered++;
      expect(result?.structuredContent === undefined || changesOf(result).applied !== true).toBe(true);
      expect(pve.writes).toEqual([]);
    }),
    { numRuns: 3000 },
  );
  // The calls were such that many of them got as far as the cluster.
  expect(answered).toBeGreaterThan(100);
  expect(pve.seen.length).toBeGreaterThan(200);
});

/** What is lost, interrupted or run by a request that came in. */
function isDestructive({ method, path, form = {} }: Seen): boolean {
  return (
    method === 'DELETE' ||
    /\/(status\/(stop|reset|reboot)|rollback|unlink|template|migrate|exec|file-write|rules(\/\d+)?)$/.test(path) ||
    form.forceStop === '1' ||
    form.force === '1' ||
    form.mode === 'stop' ||
    form.mode === 'suspend' ||
    /^(stopped|disabled)$/.test(form.state ?? '') ||
    /\b(net|scsi|virtio|ide|sata|mp|unused)\d/.test(form.delete ?? '')
  );
}

it.each([
  ['allowed, but no plan is applied', true],
  ['not allowed', false],
])('where destruction is %s nothing is destroyed', { timeout: 120_000 }, async (_, enabled) => {
  const pve = await startPve();
  const limits = { max_vms_per_operation: 100, max_storage_gb: 100_000 };
  const security = { ...template.security, ...limits, enable_destructive_operations: enabled };
  const client = await connected(pve.port, { config: { security } });
  let planned = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof({ weight: 3, arbitrary: anyTool }, anyCall), async ([name, args]) => {
      const before = pve.writes.length;
      const result = await call(client, name, args).catch(() => undefined);
      if (result?.structuredContent && changesOf(result).plan_token !== undefined) planned++;
      expect(pve.writes.slice(before).filter(isDestructive)).toEqual([]);
    }),
    { numRuns: 1500 },
  );
  expect(pve.writes.length).toBeGreaterThan(0);
  expect(planned > 0).toBe(enabled);
});
