import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPlaceholder, tokenOf, userIdOf } from '../../src/servers/proxmox/credential.ts';

const SECRET = '0a1b2c3d-0000-4000-8000-123456789abc';

describe('tokenOf', () => {
  it.each([
    [`mcp=${SECRET}`, 'root@pam!mcp'],
    [`  mcp=${SECRET}\n`, 'root@pam!mcp'],
    [`ann@pve!mcp=${SECRET}`, 'ann@pve!mcp'],
    [`ann!mcp=${SECRET}`, 'ann@pam!mcp'],
    [`PVEAPIToken=ann@pve!mcp=${SECRET}`, 'ann@pve!mcp'],
    [`PVEAPIToken ann@pve!mcp=${SECRET}`, 'ann@pve!mcp'],
    [`PVEAPIToken=mcp=${SECRET}`, 'root@pam!mcp'],
    [`joe@example.org@ad!mcp=${SECRET}`, 'joe@example.org@ad!mcp'],
  ])('reads %j', (value, id) => {
    expect(tokenOf(value, 'root@pam')).toEqual({ id, secret: SECRET });
  });

  it.each([
    '',
    SECRET,
    'mcp=',
    `=${SECRET}`,
    `!mcp=${SECRET}`,
    'mcp=your-token-here',
    'mcp=xxxx-xxxx',
    `a b!mcp=${SECRET}`,
  ])('refuses %j', (value) => {
    expect(tokenOf(value, 'root@pam')).toBeUndefined();
  });

  it('reads every whole token that Proxmox can make', () => {
    const id = fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{1,20}$/);
    fc.assert(
      fc.property(id, id, id, fc.uuid(), (user, realm, token, secret) => {
        const whole = { id: `${user}@${realm}!${token}`, secret };
        expect(tokenOf(`${whole.id}=${secret}`, 'root@pam')).toEqual(whole);
        expect(tokenOf(`${token}=${secret}`, `${user}@${realm}`)).toEqual(whole);
      }),
    );
  });
});

describe('userIdOf', () => {
  it.each([
    ['root', 'pam', 'root@pam'],
    ['root@pve', 'pam', 'root@pve'],
    ['joe@example.org@ad', 'pam', 'joe@example.org@ad'],
    ['a/b', 'pam', undefined],
    ['root', '9x', undefined],
    ['root@', 'pam', undefined],
  ])('%s with realm %s is %s', (username, realm, id) => {
    expect(userIdOf(username, realm)).toBe(id);
  });
});

describe('isPlaceholder', () => {
  it.each([
    'your-token-here',
    'your.proxmox.host',
    'your_password',
    'YOUR_API_TOKEN',
    'your-proxmox-api-token',
    'placeholder',
    'changeme',
    'change-me',
    'CHANGE_ME',
    '<token>',
    '${PROXMOX_TOKEN}',
    'xxxx',
    'username',
    'username@realm',
    'user@realm',
  ])('%s is one', (value) => {
    expect(isPlaceholder(value)).toBe(true);
  });

  it.each(['pve.test', 'root@pam', 'Tr0ub4dor&3', 'yourhouse', 'x1', `mcp=${SECRET}`, 'xavier', 'password-of-root'])(
    '%s is none',
    (value) => {
      expect(isPlaceholder(value)).toBe(false);
    },
  );
});
