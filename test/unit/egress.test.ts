import jwt from 'jsonwebtoken';
import { describe, expect, it } from 'vitest';
import { egressHostsOf } from '../../src/controller/egress-hosts.ts';
import { authorityOf } from '../../src/core/egress.ts';
import { AddressGuard } from '../../src/egress/address-guard.ts';
import { RefusalLog } from '../../src/egress/refusal-log.ts';
import { EgressGrants } from '../../src/sessions/egress-grants.ts';
import { InstanceKeys } from '../../src/sessions/instance-keys.ts';
import { deriveKey } from '../../src/sessions/keys.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { entry } from '../support/control-plane.ts';

describe('an address', () => {
  const guard = new AddressGuard({ allowLoopback: false });

  it.each([
    '10.0.0.1',
    '192.168.1.10',
    '172.31.255.255',
    '100.100.100.201',
    '8.8.8.8',
    '223.255.255.255',
    '2606:4700::1111',
    'fd00::8006',
    'fd12:3456:789a::1',
    '::ffff:10.0.0.1',
    '::10.0.0.1',
    '64:ff9b::8.8.8.8',
    '2002:808:808::1',
    '2001:db8::5efe:a00:1',
  ])('%s may be reached', (address) => {
    expect(guard.admits(address)).toBe(true);
  });

  it.each([
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['loopback', '::1'],
    ['loopback', '0:0:0:0:0:0:0:1'],
    ['this host', '0.0.0.0'],
    ['this host', '0.1.2.3'],
    ['this host', '::'],
    ['link-local', '169.254.0.1'],
    ['metadata', '169.254.169.254'],
    ['metadata of Alibaba', '100.100.100.200'],
    ['metadata of Oracle', '192.0.0.192'],
    ['Azure', '168.63.129.16'],
    ['metadata of AWS', 'fd00:ec2::254'],
    ['metadata of AWS', 'fd00:0ec2:0:0:0:0:0:254'],
    ['metadata of Google', 'fd20:ce::254'],
    ['metadata of Scaleway', 'fd00:42::42'],
    ['link-local', 'fe80::1'],
    ['link-local', 'febf:ffff::1'],
    ['link-local with a zone', 'fe80::1%lo'],
    ['a zone', 'fd00::1%eth0'],
    ['multicast', '224.0.0.1'],
    ['multicast', 'ff02::1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['mapped', '::ffff:127.0.0.1'],
    ['mapped', '::ffff:7f00:1'],
    ['mapped', '::FFFF:A9FE:A9FE'],
    ['mapped, at length', '0000:0000:0000:0000:0000:ffff:a9fe:a9fe'],
    ['mapped', '::ffff:0.0.0.0'],
    ['mapped', '::ffff:100.100.100.200'],
    ['compatible', '::127.0.0.1'],
    ['compatible', '::a9fe:a9fe'],
    ['translated', '::ffff:0:127.0.0.1'],
    ['NAT64', '64:ff9b::127.0.0.1'],
    ['NAT64', '64:ff9b::a9fe:a9fe'],
    ['NAT64 of the place', '64:ff9b:1::7f00:1'],
    ['6to4', '2002:7f00:1::'],
    ['6to4', '2002:a9fe:a9fe::1'],
    ['Teredo', '2001:0:7f00:1::1'],
    ['ISATAP', '2001:db8::5efe:7f00:1'],
    ['ISATAP', '2001:db8::200:5efe:169.254.169.254'],
  ])('may not be reached: %s %s', (_, address) => {
    expect(guard.admits(address)).toBe(false);
  });

  it('of loopback may be reached where the operator allows that, and nothing else then', () => {
    const open = new AddressGuard({ allowLoopback: true });
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
      expect(open.admits(address)).toBe(true);
    for (const address of ['0.0.0.0', '::', '169.254.169.254', '::ffff:169.254.169.254', 'fe80::1'])
      expect(open.admits(address), address).toBe(false);
  });
});

describe('an authority', () => {
  it.each([
    ['pve.example.org:8006', 'pve.example.org', 8006, 'pve.example.org:8006'],
    ['PVE.Example.Org.:443', 'pve.example.org', 443, 'pve.example.org:443'],
    ['pve_1:1', 'pve_1', 1, 'pve_1:1'],
    ['10.0.0.1:65535', '10.0.0.1', 65_535, '10.0.0.1:65535'],
    ['[FD00:0:0::1]:8006', 'fd00::1', 8006, '[fd00::1]:8006'],
    ['[::ffff:7f00:1]:1', '::ffff:127.0.0.1', 1, '[::ffff:127.0.0.1]:1'],
  ])('%s is read', (text, host, port, canonical) => {
    expect(authorityOf(text)).toEqual({ host, port, text: canonical });
  });

  it.each([
    '',
    'pve',
    'pve:',
    ':8006',
    'pve:0',
    'pve:08006',
    'pve:65536',
    'pve:8006/',
    'pve:80:06',
    'https://pve:8006',
    'user@pve:8006',
    'pve :8006',
    'pve\r\n:8006',
    'a..b:1',
    '-a:1',
    `${'a'.repeat(64)}:1`,
    'fd00::1:8006',
    '[fe80::1%lo]:1',
    '[10.0.0.1]:1',
    '[]:1',
    // spellings of 127.0.0.1 that resolvers know
    '127.1:1',
    '2130706433:1',
    '0x7f000001:1',
    '0x7f.0.0.1:1',
    '0177.0.0.1:1',
    '127.0.0.01:1',
    '127.0.0.1.:1x',
    'localhost.0x:1',
  ])('%j is none', (text) => {
    expect(authorityOf(text)).toBeUndefined();
  });
});

describe('the hosts of a catalogue entry', () => {
  const hosts = (egress: string[], variables: Record<string, string>) =>
    egressHostsOf(entry('s', { egress }), variables);

  it('are filled in from the variables of the session', () => {
    const egress = ['${env:HOST}:8006', 'api.${env:REGION}.example.org:${env:PORT}', 'API.example.org:443'];
    expect(hosts(egress, { HOST: ' pve1 ', REGION: 'eu', PORT: '444' })).toEqual([
      'pve1:8006',
      'api.eu.example.org:444',
      'api.example.org:443',
    ]);
    expect(hosts(['${env:HOST}:8006'], { HOST: 'fd00::1' })).toEqual(['[fd00::1]:8006']);
    expect(hosts(['${env:HOST}:8006'], { HOST: '[fd00::1]' })).toEqual(['[fd00::1]:8006']);
    expect(egressHostsOf(entry('s'), {})).toEqual([]);
  });

  it.each(['', 'redis:6379#', 'redis:6379', 'a,b', '*', 'https://pve', 'pve/..', '[redis:6379', '${env:OTHER}'])(
    'open nothing for the value %j',
    (HOST) => {
      expect(hosts(['${env:HOST}:8006'], { HOST, OTHER: 'redis' })).toEqual([]);
    },
  );

  it('open nothing for a variable that is not set', () => {
    expect(hosts(['${env:HOST}:8006', '${env:constructor}:1', 'pve:${env:PORT}'], {})).toEqual([]);
  });
});

describe('EgressGrants', () => {
  const KEY = Buffer.alloc(32, 1);
  const clock = new FakeClock();
  const record = { id: 'pts_3-aaaaaaaaaaaaaaaa', nonce: 'abcdefgh', maxAt: clock.now() + 60_000 };
  const invalid = expect.objectContaining({ code: 'auth.invalid' });
  const secretOf = (change: Partial<typeof record> = {}, server = 'proxmox', incarnation = 1) =>
    new InstanceKeys(KEY).secretOf({ ...record, ...change }, server, incarnation);

  it('says who may go where, until the session must end', async () => {
    const time = new FakeClock();
    const grants = new EgressGrants(KEY, time);
    const grant = grants.issue(record, 'proxmox', 1, ['pve:8006']);
    const claims = {
      session: record.id,
      nonce: record.nonce,
      server: 'proxmox',
      incarnation: 1,
      hosts: ['pve:8006'],
    };
    expect(grants.verify(grant, secretOf())).toEqual(claims);
    await time.advance(59_999);
    expect(grants.verify(grant, secretOf())).toEqual(claims);
    await time.advance(1);
    expect(() => grants.verify(grant, secretOf())).toThrow(invalid);
  });

  it('takes no secret but that of the instance', () => {
    const grants = new EgressGrants(KEY, clock);
    const grant = grants.issue(record, 'proxmox', 1, ['pve:8006']);
    const others = [
      '',
      'x',
      secretOf().toUpperCase(),
      secretOf({ id: 'pts_4-aaaaaaaaaaaaaaaa' }),
      secretOf({ nonce: 'x' }),
      secretOf({}, 'filesystem'),
      secretOf({}, 'proxmox', 2),
    ];
    for (const secret of others) expect(() => grants.verify(grant, secret)).toThrow(invalid);
  });

  it('takes no grant but its own', () => {
    const grants = new EgressGrants(KEY, clock);
    const right = {
      iss: 'mcp-session-manager',
      aud: 'egress',
      sid: record.id,
      non: record.nonce,
      srv: 'proxmox',
      inc: 1,
    };
    const lasting = { ...right, hosts: ['pve:8006'] };
    const claims = { ...lasting, exp: Math.ceil(record.maxAt / 1000) };
    const sign = (payload: object, key = deriveKey(KEY, 'egress')) => jwt.sign(payload, key, { algorithm: 'HS256' });
    expect(grants.verify(sign(claims), secretOf())).toMatchObject({ hosts: ['pve:8006'] });
    const [head, body] = sign(claims).split('.');
    const more = Buffer.from(JSON.stringify({ ...claims, hosts: ['redis:6379'] })).toString('base64url');
    const bad = {
      'another key': new EgressGrants(Buffer.alloc(32, 2), clock).issue(record, 'proxmox', 1, []),
      "the tokens' key": sign(claims, deriveKey(KEY, 'tokens')),
      "a session's token": sign({ ...claims, aud: 'mcp' }),
      'another issuer': sign({ ...claims, iss: 'x' }),
      'no expiry': sign(lasting),
      'no signature': `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${body}.`,
      'more hosts': `${head}.${more}.${sign(claims).split('.')[2]}`,
      nothing: '',
    };
    for (const [what, grant] of Object.entries(bad))
      expect(() => grants.verify(grant, secretOf()), what).toThrow(invalid);
  });
});

describe('RefusalLog', () => {
  it('cannot be filled by one instance', async () => {
    const clock = new FakeClock();
    const lines: object[] = [];
    const log = {
      debug() {},
      info() {},
      error() {},
      warn: (fields: object) => void lines.push(fields),
      child: () => log,
    };
    const refusals = new RefusalLog(log, clock);
    const mine = { session: 'a', server: 's', reason: 'host', target: 'evil:1' } as const;
    for (let times = 0; times < 50; times++) refusals.note({ ...mine, target: `evil:${times + 1}` });
    refusals.note({ ...mine, reason: 'address' });
    refusals.note({ ...mine, session: 'b' });
    expect(lines).toEqual([mine, { ...mine, reason: 'address' }, { ...mine, session: 'b' }]);
    await clock.advance(10_000);
    refusals.note(mine);
    expect(lines.at(-1)).toEqual({ ...mine, unlogged: 49 });
    refusals.note(mine);
    expect(lines).toHaveLength(4);
  });
});
