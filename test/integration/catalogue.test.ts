import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCatalogue } from '../../src/config/catalogue.ts';

const SHIPPED = new URL('../../config/catalogue.json', import.meta.url).pathname;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'catalogue-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function written(servers: unknown): string {
  const file = join(directory, 'catalogue.json');
  writeFileSync(file, JSON.stringify({ mcpServers: servers }));
  return file;
}
const load = (servers: unknown) => loadCatalogue([written(servers)]);

describe('the shipped catalogue', () => {
  it('has the filesystem server on our Node and the Proxmox server in its host', () => {
    const catalogue = loadCatalogue([SHIPPED]);
    expect([...catalogue.keys()]).toEqual(['filesystem', 'proxmox']);
    expect(catalogue.get('filesystem')).toMatchObject({
      transport: 'stdio',
      command: '${node}',
      args: ['${dist}/servers/filesystem.js', '${workspace}'],
      variables: [],
    });
    expect(catalogue.get('proxmox')).toMatchObject({
      transport: 'module',
      command: '${dist}/servers/proxmox.js',
      variables: ['PROXMOX_HOST', 'PROXMOX_USER', 'PROXMOX_TOKEN', 'PROXMOX_PASSWORD', 'PROXMOX_FINGERPRINT'],
      files: { 'proxmox-config.json': new URL('../../config/proxmox-config.json', import.meta.url).pathname },
    });
  });
});

describe("the user's catalogue", () => {
  it('adds, replaces and takes out', () => {
    const file = written({ third: { command: 'third' }, filesystem: { command: 'mine' }, proxmox: null });
    const catalogue = loadCatalogue([SHIPPED, file]);
    expect([...catalogue.keys()]).toEqual(['filesystem', 'third']);
    expect(catalogue.get('filesystem')?.command).toBe('mine');
  });

  it('takes the shape of MCP clients and fills in the rest', () => {
    expect(load({ third: { command: 'npx', args: ['-y', 'x'], env: { A: 'b' } } }).get('third')).toEqual({
      name: 'third',
      transport: 'stdio',
      command: 'npx',
      args: ['-y', 'x'],
      env: { A: 'b' },
      variables: [],
      files: {},
    });
  });

  it('takes all that this program adds', () => {
    const entry = {
      transport: 'module',
      files: { 'c.json': 'templates/c.json' },
      image: 'example:1',
      limits: { memoryMb: 256, cpus: 0.5, pids: 64 },
      network: 'egress',
      egress: ['${env:HOST}:8006', 'api.example.org:${env:PORT}', '[fd00::1]:443'],
      mounts: [{ source: 'data', target: '/data' }],
    };
    expect(load({ third: { ...entry, module: 'server.js' } }).get('third')).toMatchObject({
      ...entry,
      command: join(directory, 'server.js'),
      files: { 'c.json': join(directory, 'templates/c.json') },
      mounts: [{ source: join(directory, 'data'), target: '/data', readOnly: true }],
    });
  });

  it('finds programs and the variables that they need', () => {
    const catalogue = load({
      near: {
        command: './server',
        variables: ['B'],
        env: { KEY: 'x-${env:A}', DIR: '${workspace}', TWICE: '${env:B}' },
      },
      far: { command: '/opt/server' },
    });
    expect(catalogue.get('near')).toMatchObject({ command: join(directory, 'server'), variables: ['B', 'A'] });
    expect(catalogue.get('far')?.command).toBe('/opt/server');
  });

  it.each<[string, unknown, string]>([
    [
      'a name with an underscore',
      { my_server: { command: 'x' } },
      "mcpServers.my_server must begin with a letter and hold only letters, digits and '-'",
    ],
    ['no command', { third: {} }, 'mcpServers.third.command is missing'],
    ['no module', { third: { transport: 'module' } }, 'mcpServers.third.module is missing'],
    ['both', { third: { command: 'x', module: 'y' } }, 'mcpServers.third.command does not go with "module"'],
    ['an unknown field', { third: { command: 'x', url: 'http://x' } }, 'mcpServers.third has unknown fields: url'],
    [
      'an unknown transport',
      { third: { command: 'x', transport: 'sse' } },
      'mcpServers.third.transport must be "stdio" or "module"',
    ],
    ['args that are no list', { third: { command: 'x', args: '-y' } }, 'mcpServers.third.args must be a list of texts'],
    ['an arg that is no text', { third: { command: 'x', args: [1] } }, 'mcpServers.third.args.0 must be a text'],
    [
      'an env value that is no text',
      { third: { command: 'x', env: { A: 1 } } },
      'mcpServers.third.env.A must be a text',
    ],
    [
      'a variable name',
      { third: { command: 'x', variables: ['A-B'] } },
      'mcpServers.third.variables.0 must be the name',
    ],
    [
      'a secret in args',
      { third: { command: 'x', args: ['${env:A}'] } },
      'mcpServers.third.args.0 must not hold ${env:...}: every user',
    ],
    [
      'an unknown placeholder',
      { third: { command: 'x', env: { A: '${A}' } } },
      'mcpServers.third.env.A holds the unknown ${A}',
    ],
    [
      'a file outside',
      { third: { command: 'x', files: { '../a': 'b' } } },
      'mcpServers.third.files.../a must be a file name',
    ],
    [
      'a limit',
      { third: { command: 'x', limits: { memoryMb: -1 } } },
      'mcpServers.third.limits.memoryMb must be a number of megabytes above 0',
    ],
    [
      'a network',
      { third: { command: 'x', network: 'host' } },
      'mcpServers.third.network must be "none", "egress" or "bridge"',
    ],
    ...[':443', 'a', 'a:0', 'https://a:443', 'a:${env:A}${env:B}', '${HOME}:1', '${env:A}'].map(
      (egress): [string, object, string] => [
        `a host that is ${egress}`,
        { third: { command: 'x', network: 'egress', egress: [egress] } },
        'mcpServers.third.egress.0 must be HOST:PORT',
      ],
    ),
    [
      'too many hosts',
      { third: { command: 'x', network: 'egress', egress: new Array(17).fill('a:1') } },
      'mcpServers.third.egress must have at most 16 entries',
    ],
    [
      'hosts without a way to them',
      { third: { command: 'x', egress: ['a:1'] } },
      'mcpServers.third.egress goes with "network": "egress" only',
    ],
    [
      'a mount',
      { third: { command: 'x', mounts: [{ source: 'a', target: 'b' }] } },
      'mcpServers.third.mounts.0.target must be an absolute path',
    ],
    ['servers that are a list', [], 'mcpServers must be an object'],
  ])('names file and field of %s', (_what, servers, expected) => {
    const file = join(directory, 'catalogue.json');
    expect(() => load(servers)).toThrow(file);
    expect(() => load(servers)).toThrow(expected);
  });

  it('names all problems at once', () => {
    expect(() => load({ a: {}, b: { command: 1 } })).toThrow(/mcpServers\.a\.command[\s\S]*mcpServers\.b\.command/);
  });

  it('says that a file is not there or is no JSON', () => {
    expect(() => loadCatalogue([join(directory, 'absent.json')])).toThrow(/absent\.json: ENOENT/);
    writeFileSync(join(directory, 'broken.json'), '{');
    expect(() => loadCatalogue([join(directory, 'broken.json')])).toThrow(/cannot be read: .*broken\.json/);
  });
});
