import { describe, expect, it } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import { checkConfig, type Problem, type ServerConfig } from '../../src/servers/proxmox/schema.ts';
import { type Target, targetOf } from '../../src/servers/proxmox/target.ts';

/** The template with the field at `path` set, or taken away where `value` is undefined. */
function withField(path: string, value: unknown): unknown {
  const config = structuredClone(template) as Record<string, unknown>;
  const parts = path.replace('main', 'proxmox-primary').split('.');
  const last = parts.pop() ?? '';
  const parent = parts.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, config);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return config;
}

const FIELDS = [
  'servers',
  'default_server',
  'security',
  'security.max_vms_per_operation',
  'security.max_storage_gb',
  'security.allowed_operations',
  'security.enable_destructive_operations',
  'logging',
  'logging.level',
  ...Object.keys(template.servers['proxmox-primary'])
    .filter((field) => field !== 'fingerprint_env_var')
    .map((field) => `servers.main.${field}`),
];

describe('proxmox-config.json: its form', () => {
  it('accepts the template', () => {
    expect(checkConfig(template)).toMatchObject({ problems: [], config: template });
  });

  it.each(FIELDS)('reports a missing %s by name', (path) => {
    const [problem, ...others] = checkConfig(withField(path, undefined)).problems;
    expect(others).toEqual([]);
    expect(problem?.path).toBe(path.replace('main', 'proxmox-primary'));
    expect(problem?.message).toMatch(/^is missing; it must be .{10}/);
  });

  it.each<[string, unknown, RegExp]>([
    ['servers', {}, /^is empty; it must be an object/],
    ['servers', [], /expected record/],
    ['servers.main', 'pve', /expected object.*; it must be an object with the fields of a Proxmox server/],
    ['servers.main.host', '  ', /^is empty; it must be the name or address/],
    ['servers.main.port', '8006', /expected number, received string; it must be the port/],
    ['servers.main.port', 65_536, /65535; it must be the port/],
    ['servers.main.verify_ssl', 'no', /expected boolean/],
    ['servers.main.timeout', 0, />=1; it must be how long a call may take/],
    ['servers.main.password_env_var', '', /^is not a name made of/],
    ['security.max_vms_per_operation', 1.5, /expected int/],
    ['security.max_storage_gb', 0, />0/],
    ['security.allowed_operations', 'monitor', /expected array/],
    ['security.enable_destructive_operations', 1, /expected boolean/],
    ['logging.level', 'LOUD', /one of DEBUG, INFO, WARN, ERROR$/],
  ])('reports %s = %j', (path, value, message) => {
    const at = path.replace('main', 'proxmox-primary');
    expect(checkConfig(withField(path, value)).problems.find((one) => one.path === at)?.message).toMatch(message);
  });

  it('needs no fingerprint_env_var', () => {
    expect(checkConfig(withField('servers.main.fingerprint_env_var', undefined)).problems).toEqual([]);
  });

  it('reports an unknown operation with its place', () => {
    const { problems } = checkConfig(withField('security.allowed_operations', ['monitor', 'format_disks']));
    expect(problems).toEqual([expect.objectContaining({ path: 'security.allowed_operations.1' })]);
  });

  it.each(['extra', 'servers.main.hots', 'security.max_vms', 'logging.file'])('names the unknown field %s', (path) => {
    const at = path.replace('main', 'proxmox-primary');
    expect(checkConfig(withField(path, 1)).problems).toEqual([
      { path: at, message: 'is not a field of this file; remove it' },
    ]);
  });

  it('reports a server name that no tool could be given, and a default that is not there', () => {
    const servers = { 'my server': template.servers['proxmox-primary'] };
    expect(checkConfig({ ...template, servers, default_server: 'other' }).problems).toEqual([
      { path: 'servers.my server', message: expect.stringContaining('must be named with letters') },
      { path: 'default_server', message: 'is not in "servers" (my server)' },
    ]);
  });

  it('reports everything at once', () => {
    const config = { ...template, servers: { a: { port: 'x' } }, default_server: 'b', logging: {} };
    const paths = checkConfig(config).problems.map((one) => one.path);
    const missing = ['host', 'username', 'realm', 'token_env_var', 'password_env_var', 'port', 'verify_ssl', 'timeout'];
    expect(paths.sort()).toEqual([
      'default_server',
      'logging.level',
      ...missing.map((one) => `servers.a.${one}`).sort(),
    ]);
  });

  it.each([null, 7, 'text', []])('reports a file that is %j', (raw) => {
    expect(checkConfig(raw).problems).toEqual([expect.objectContaining({ path: '(whole file)' })]);
  });

  it('does not repeat a secret that stands where the name of its variable belongs', () => {
    const { problems } = checkConfig(withField('servers.main.token_env_var', 'root@pam!mcp=s3cr3t-value'));
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).not.toContain('s3cr3t');
  });
});

const VARIABLES = { PROXMOX_HOST: 'pve.test', PROXMOX_USER: 'root', PROXMOX_TOKEN: 'mcp=11111111-2222' };

function resolve(
  server: Partial<ServerConfig>,
  variables: Record<string, string>,
): { target: Target | undefined; problems: Problem[] } {
  const problems: Problem[] = [];
  const target = targetOf('main', { ...template.servers['proxmox-primary'], ...server }, variables, problems);
  return { target, problems };
}

describe('proxmox-config.json: its variables', () => {
  it('makes a target of the template', () => {
    expect(resolve({}, VARIABLES)).toEqual({
      problems: [],
      target: {
        name: 'main',
        origin: 'https://pve.test:8006',
        verifySsl: false,
        timeoutMs: 30_000,
        credential: { kind: 'token', variable: 'PROXMOX_TOKEN', id: 'root@pam!mcp', secret: '11111111-2222' },
      },
    });
  });

  it.each([
    ['pve.test', 'https://pve.test:8006'],
    ['192.0.2.7', 'https://192.0.2.7:8006'],
    ['2001:db8::7', 'https://[2001:db8::7]:8006'],
    ['[2001:db8::7]', 'https://[2001:db8::7]:8006'],
    ['${SITE}.pve.test', 'https://north.pve.test:8006'],
  ])('host %s is reached at %s', (host, origin) => {
    expect(resolve({ host }, { ...VARIABLES, SITE: 'north' }).target?.origin).toBe(origin);
  });

  it.each(['https://pve.test', 'pve.test:8006', 'pve.test/api2', 'a b', 'user@pve.test'])('refuses host %s', (host) => {
    expect(resolve({ host }, VARIABLES).problems).toEqual([
      { path: 'servers.main.host', message: expect.stringContaining('without "https://", port or path') },
    ]);
  });

  it.each<[string, Partial<ServerConfig>, Record<string, string>, string, RegExp]>([
    ['unset host', {}, { PROXMOX_HOST: '' }, 'host', /^variable PROXMOX_HOST is not set; export PROXMOX_HOST/],
    ['placeholder host', {}, { PROXMOX_HOST: 'your.proxmox.host' }, 'host', /PROXMOX_HOST holds a placeholder/],
    ['placeholder in the file', { host: 'your.proxmox.host' }, {}, 'host', /still holds the placeholder/],
    ['placeholder user', { username: 'username' }, {}, 'username', /still holds the placeholder "username"/],
    ['placeholder user variable', {}, { PROXMOX_USER: 'username@realm' }, 'username', /PROXMOX_USER holds a pl/],
    ['user with a space', { username: 'a b' }, {}, 'username', /does not make a Proxmox user/],
    ['unset realm', { realm: '${MY_REALM}' }, {}, 'realm', /export MY_REALM .* list it in "variables"/],
    ['no fingerprint', {}, { PROXMOX_FINGERPRINT: 'AB:CD' }, 'fingerprint_env_var', /is no SHA-256 fingerprint/],
    [
      'token without id',
      {},
      { PROXMOX_TOKEN: '1111-2222' },
      'token_env_var',
      /is no API token.*user@realm!id=secret\); export PROXMOX_TOKEN/,
    ],
    [
      'no credential',
      {},
      { PROXMOX_TOKEN: '' },
      'token_env_var',
      /TOKEN is not set, and PROXMOX_PASSWORD .*is not set/,
    ],
    [
      'two placeholders',
      {},
      { PROXMOX_TOKEN: 'your-token-here', PROXMOX_PASSWORD: 'placeholder' },
      'token_env_var',
      /PROXMOX_TOKEN holds a placeholder, and PROXMOX_PASSWORD \(password_env_var\) holds a placeholder; one is needed/,
    ],
  ])('reports: %s', (_, server, variables, field, message) => {
    const { problems, target } = resolve(server, { ...VARIABLES, ...variables });
    expect(problems).toEqual([{ path: `servers.main.${field}`, message: expect.stringMatching(message) }]);
    expect(target).toBeUndefined();
  });

  it.each(['ab'.repeat(32), `${'AB:'.repeat(31)}ab`])('reads the fingerprint %s', (PROXMOX_FINGERPRINT) => {
    const { target } = resolve({}, { ...VARIABLES, PROXMOX_FINGERPRINT });
    expect(target?.fingerprint).toBe('AB:'.repeat(32).slice(0, -1));
  });

  it('prefers the token, and needs nothing of the password then', () => {
    for (const PROXMOX_PASSWORD of ['good', 'placeholder', '']) {
      const { target, problems } = resolve({}, { ...VARIABLES, PROXMOX_PASSWORD });
      expect(problems).toEqual([]);
      expect(target?.credential.kind).toBe('token');
    }
  });

  it('takes the password where the token is unset or a placeholder', () => {
    for (const PROXMOX_TOKEN of ['', 'your-token-here', 'changeme']) {
      const { target } = resolve(
        {},
        { PROXMOX_HOST: 'pve.test', PROXMOX_USER: 'ann@pve', PROXMOX_TOKEN, PROXMOX_PASSWORD: 'pass word' },
      );
      const credential = { kind: 'password', variable: 'PROXMOX_PASSWORD', user: 'ann@pve', password: 'pass word' };
      expect(target?.credential).toEqual(credential);
    }
  });

  it('does not take variables from the prototype', () => {
    expect(resolve({ host: '${constructor}' }, VARIABLES).problems[0]?.message).toMatch(/constructor is not set/);
  });

  it('never names a secret', () => {
    const { problems } = resolve(
      { host: 'a b' },
      { ...VARIABLES, PROXMOX_TOKEN: 's3cr3t', PROXMOX_PASSWORD: 's3cr3t' },
    );
    expect(problems).toHaveLength(2);
    expect(JSON.stringify(problems)).not.toContain('s3cr3t');
  });
});
