import jwt from 'jsonwebtoken';
import { describe, expect, it } from 'vitest';
import { InstanceKeys } from '../../src/sessions/instance-keys.ts';
import { deriveKey } from '../../src/sessions/keys.ts';
import { Sealer } from '../../src/sessions/sealer.ts';
import { Tokens } from '../../src/sessions/tokens.ts';
import { FakeClock } from '../fakes/fake-clock.ts';

const KEY = Buffer.alloc(32, 1);
const OTHER = Buffer.alloc(32, 2);
const clock = new FakeClock();
const record = {
  id: 'pts_3-aaaaaaaaaaaaaaaa',
  nonce: 'abcdefgh',
  owner: 'o',
  maxAt: clock.now() + 60_000,
  idleTtlMs: 30_000,
};
const invalid = expect.objectContaining({ code: 'auth.invalid' });

describe('Tokens', () => {
  it('says which session it is for, until its maximum age', async () => {
    const time = new FakeClock();
    const tokens = new Tokens(KEY, time);
    const token = tokens.issue(record);
    const claims = {
      session: record.id,
      owner: 'o',
      nonce: 'abcdefgh',
      expiresAt: record.maxAt,
      issuedAt: clock.now(),
      idleTtlMs: 30_000,
    };
    expect(tokens.verify(token)).toEqual(claims);
    await time.advance(59_999);
    expect(tokens.verify(token)).toEqual(claims);
    await time.advance(1);
    expect(() => tokens.verify(token)).toThrow(invalid);
    expect(() => new Tokens(KEY, time).verify(token)).toThrow(invalid);
  });

  it('[attack.4] [attack.20] refuses what it did not issue', () => {
    const tokens = new Tokens(KEY, clock);
    const token = tokens.issue(record);
    const [head, body, signature] = token.split('.');
    const none = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${body}.`;
    const key = deriveKey(KEY, 'tokens');
    const sign = (claims: object, options: jwt.SignOptions) => jwt.sign(claims, key, options);
    const exp = Math.ceil(record.maxAt / 1000);
    const lasting = { iss: 'mcp-session-manager', aud: 'mcp', sub: 'o', sid: record.id, non: 'n' };
    const claims = { ...lasting, exp };
    const bad = {
      'another key': new Tokens(OTHER, clock).issue(record),
      'no signature': none,
      'a signature of something else': `${head}.${Buffer.from('{}').toString('base64url')}.${signature}`,
      'another algorithm': sign(claims, { algorithm: 'HS512' }),
      'another issuer': sign({ ...claims, iss: 'x' }, { algorithm: 'HS256' }),
      'another audience': sign({ ...claims, aud: 'x' }, { algorithm: 'HS256' }),
      'no session': sign({ ...claims, sid: undefined }, { algorithm: 'HS256' }),
      'no expiry': sign(lasting, { algorithm: 'HS256' }),
      nothing: '',
      rubbish: 'a.b.c',
    };
    expect(tokens.verify(sign(claims, { algorithm: 'HS256' }))).toMatchObject({ nonce: 'n' });
    for (const [what, text] of Object.entries(bad)) expect(() => tokens.verify(text), what).toThrow(invalid);
  });

  it('remembers no more tokens than it may', () => {
    const tokens = new Tokens(KEY, clock, 2);
    const issued = ['a', 'b', 'c'].map((nonce) => tokens.issue({ ...record, nonce }));
    const [a, b, c] = issued.map((token) => tokens.verify(token));
    expect(tokens.verify(issued[2] ?? '')).toBe(c);
    expect(tokens.verify(issued[1] ?? '')).toBe(b);
    expect(tokens.verify(issued[0] ?? '')).not.toBe(a); // checked anew, and "c" makes room: it was used before "b"
    expect(tokens.verify(issued[1] ?? '')).toBe(b);
    expect(tokens.verify(issued[2] ?? '')).not.toBe(c);
  });
});

describe('Sealer', () => {
  const variables = { PROXMOX_TOKEN: 'geheim 🔑', EMPTY: '' };

  it('opens what it sealed, in the same record only', () => {
    const sealer = new Sealer(KEY);
    const sealed = sealer.seal('a', variables);
    expect(sealer.unseal('a', sealed)).toEqual(variables);
    expect(sealer.unseal('a', undefined)).toEqual({});
    expect(sealed).not.toContain('geheim');
    expect(sealer.seal('a', variables)).not.toBe(sealed);
    const refused = expect.objectContaining({ code: 'config.invalid' });
    expect(() => sealer.unseal('b', sealed)).toThrow(refused);
    expect(() => new Sealer(OTHER).unseal('a', sealed)).toThrow(refused);
    const bytes = Buffer.from(sealed, 'base64url');
    for (const at of [0, 12, 28, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(() => sealer.unseal('a', damaged.toString('base64url')), `byte ${at}`).toThrow(refused);
    }
    for (const length of [0, 11, 20, 28])
      expect(() => sealer.unseal('a', bytes.subarray(0, length).toString('base64url')), `${length}`).toThrow(refused);
  });
});

describe('InstanceKeys', () => {
  it('gives every incarnation a secret of its own, the same on every replica', () => {
    const keys = new InstanceKeys(KEY);
    const secret = keys.secretOf(record, 'filesystem', 1);
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(new InstanceKeys(KEY).secretOf(record, 'filesystem', 1)).toBe(secret);
    const others = [
      new InstanceKeys(OTHER).secretOf(record, 'filesystem', 1),
      keys.secretOf(record, 'filesystem', 2),
      keys.secretOf(record, 'proxmox', 1),
      keys.secretOf({ ...record, nonce: 'x' }, 'filesystem', 1),
      keys.secretOf({ ...record, id: 'x' }, 'filesystem', 1),
    ];
    expect(new Set([secret, ...others]).size).toBe(6);
  });
});

describe('deriveKey', () => {
  it('gives each purpose a key of its own and refuses a short one', () => {
    const purposes = ['tokens', 'variables', 'instances', 'egress'] as const;
    expect(new Set(purposes.map((purpose) => deriveKey(KEY, purpose).toString('hex'))).size).toBe(purposes.length);
    expect(() => deriveKey(Buffer.alloc(31), 'tokens')).toThrow(RangeError);
  });
});
