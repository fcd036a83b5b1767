import { describe, expect, it } from 'vitest';
import { hashPassword, isPasswordHash, verifyPassword } from '../../src/core/password.ts';

describe('passwords', () => {
  it('are known by their hash, which is another one each time', async () => {
    const hashes = [await hashPassword('pässword'), await hashPassword('pässword')];
    expect(hashes[0]).not.toBe(hashes[1]);
    for (const hash of hashes) {
      expect(isPasswordHash(hash)).toBe(true);
      expect(hash).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$/);
      expect(await verifyPassword('pässword', hash)).toBe(true);
      expect(await verifyPassword('pa\u0308ssword', hash)).toBe(true);
      expect(await verifyPassword('passwörd', hash)).toBe(false);
      expect(await verifyPassword('', hash)).toBe(false);
    }
  });

  it('may have a hash of another cost, within bounds', async () => {
    // RFC 7914, section 12: its last but one vector, cut to 32 bytes as any scrypt of 32 bytes begins the same.
    const salt = Buffer.from('SodiumChloride').toString('base64').replaceAll('=', '');
    const key = Buffer.from('7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2', 'hex');
    const hash = `$scrypt$ln=14,r=8,p=1$${salt}$${key.toString('base64').replaceAll('=', '')}`;
    expect(await verifyPassword('pleaseletmein', hash)).toBe(true);
    const cut = (cost: string) => hash.replace('ln=14,r=8,p=1', cost);
    expect(isPasswordHash(cut('ln=15,r=8,p=3'))).toBe(true);
    for (const cost of ['ln=4,r=8,p=1', 'ln=17,r=8,p=1', 'ln=14,r=0,p=1', 'ln=14,r=8,p=99', 'ln=16,r=16,p=1', ''])
      expect(isPasswordHash(cut(cost)), cost).toBe(false);
  });

  it.each(['', 'password', '$2b$10$abcdefghijklmnopqrstuv', '$scrypt$ln=14,r=8,p=1$$', 'plain:x'])(
    'that are no hash are said to be none: %s',
    async (text) => {
      expect(isPasswordHash(text)).toBe(false);
      await expect(verifyPassword('x', text)).rejects.toThrow(TypeError);
    },
  );
});
