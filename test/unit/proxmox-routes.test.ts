import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ApiSchema, type Endpoint } from '../../src/servers/proxmox/api-schema.ts';
import { needOf } from '../../src/servers/proxmox/operation-of.ts';
import { apiData } from '../fakes/proxmox/api-data.ts';
import { ROUTES } from '../fakes/proxmox/routes/index.ts';

/** Proxmox's own description of its API, where it lies beside the project; it is not ours to ship. */
const FILE = new URL('../../../shared/proxmox/pve-api-schema.json', import.meta.url);
const isThere = existsSync(FILE);
const title = "against Proxmox's own description of its API";

// Its licence is not ours: a checkout without the project's shared folder has the hand-written rows of the other tests instead.
describe.runIf(isThere)(isThere ? title : `${title} (skipped: it does not lie beside the project)`, () => {
  const endpoints = isThere ? load().endpoints : [];
  const find = (method: string, path: string): Endpoint | undefined =>
    endpoints.find((one) => one.method === method && one.template === path);

  function load(): ApiSchema {
    const { apiSchema } = JSON.parse(readFileSync(FILE, 'utf8')) as { apiSchema: unknown };
    return new ApiSchema(`const apiSchema = ${JSON.stringify(apiSchema)};`);
  }

  it.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))('%s is there', (_, route) => {
    const endpoint = find(route.method, route.path);
    expect(endpoint).toBeDefined();
    const params = Object.entries(route.params ?? {});
    const known = Object.keys(endpoint?.parameters ?? {});
    // net[n], scsi[n]: one name for all numbers.
    expect(params.map(([name]) => name).filter((name) => !known.includes(name))).toEqual([]);
    const required = Object.entries(endpoint?.parameters ?? {}).filter(([, one]) => !Number(one.optional ?? 0));
    expect(required.map(([name]) => name).sort()).toEqual(
      params.flatMap(([name, type]) => (type.endsWith('!') ? [name] : [])).sort(),
    );
    for (const [name, type] of params)
      expect([name, endpoint?.parameters[name]?.type]).toEqual([name, type.replace('!', '')]);
  });

  it('every endpoint needs a class, and whatever changes something more than monitor', () => {
    expect(endpoints.length).toBeGreaterThan(600);
    for (const { method, template } of endpoints) {
      const { operations, destructive } = needOf(method, template);
      expect(operations.length).toBeGreaterThan(0);
      if (method !== 'GET') expect([template, destructive, operations.join()]).not.toEqual([template, true, 'monitor']);
      if (method !== 'GET') expect(destructive).toBe(true);
    }
  });

  it('no endpoint that gives a console or a credential away is called', () => {
    const open = endpoints.filter(({ method, template }) => needOf(method, template).refused === undefined);
    const given = open.filter(
      ({ method, template }) =>
        /proxy|websocket|mtunnel|shell|spice/.test(template) ||
        (method !== 'GET' && /ticket|password|tfa|token\//.test(template)),
    );
    expect(given.map(({ method, template }) => `${method} ${template}`)).toEqual([]);
  });

  it('finds the endpoints of concrete paths', () => {
    const schema = load();
    const found = schema.find('PUT', '/nodes/pve1/storage/local/content/local:iso/a b.iso'.replace(' ', '_'));
    expect(found).toMatchObject({
      path: '/nodes/pve1/storage/local/content/local%3Aiso%2Fa_b.iso',
      values: { volume: 'local:iso/a_b.iso' },
    });
    expect(schema.find('GET', '/nodes/pve1/qemu/100/status/current').endpoint.template).toBe(
      '/nodes/{node}/qemu/{vmid}/status/current',
    );
    expect(schema.search('guest agent exec', 'POST', 5)[0]?.template).toBe('/nodes/{node}/qemu/{vmid}/agent/exec');
  });
});

describe('what a call needs', () => {
  it.each<[string, string, string]>([
    ['GET', '/cluster/resources', 'monitor'],
    ['GET', '/nodes/{node}/qemu/{vmid}/config', 'monitor'],
    ['GET', '/nodes/{node}/qemu/{vmid}/agent/file-read', 'manage_vms'],
    ['GET', '/nodes/{node}/scan/cifs', 'manage_vms'],
    ['POST', '/nodes/{node}/lxc/{vmid}/snapshot', 'snapshot'],
    ['DELETE', '/nodes/{node}/qemu/{vmid}/snapshot/{snapname}', 'snapshot'],
    ['POST', '/nodes/{node}/vzdump', 'backup'],
    ['PUT', '/cluster/backup/{id}', 'backup'],
    ['DELETE', '/nodes/{node}/storage/{storage}/content/{volume}', 'cleanup'],
    ['DELETE', '/nodes/{node}/qemu/{vmid}', 'manage_vms'],
    ['POST', '/nodes/{node}/qemu', 'manage_vms'],
    ['POST', '/nodes/{node}/qemu/{vmid}/agent/exec', 'manage_vms'],
    ['PUT', '/access/acl', 'snapshot,backup,monitor,manage_vms,cleanup'],
    ['POST', '/nodes/{node}/status', 'snapshot,backup,monitor,manage_vms,cleanup'],
    ['DELETE', '/storage/{storage}', 'snapshot,backup,monitor,manage_vms,cleanup'],
  ])('%s %s: %s', (method, template, operations) => {
    expect(needOf(method, template)).toEqual({ operations: operations.split(','), destructive: method !== 'GET' });
  });
});

describe('the description that a server gives of its API', () => {
  it.each([
    apiData(ROUTES),
    `var apiSchema = [{"path":"/x","info":{"GET":{"description":"a ] \\" [ b"}}}];\nvar method2cmd = {};`,
    `  const apiSchema=[{"path":"/x","info":{"GET":{}},"children":null}]`,
  ])('is read (%#)', (text) => {
    expect(new ApiSchema(text).endpoints.length).toBeGreaterThan(0);
  });

  it.each(['', '<html>', 'const apiSchema = [{"path":', 'const apiSchema = [{"path":1}];'])(
    'is refused: %j',
    (text) => {
      expect(() => new ApiSchema(text)).toThrow(/cannot be read .*other tools do without it/s);
    },
  );
});
