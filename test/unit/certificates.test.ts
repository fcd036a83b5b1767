import { expect, it } from 'vitest';
import { Certificates } from '../../src/host/certificates.ts';

it('the first end counts, of what each host has shown last', () => {
  const certificates = new Certificates();
  expect(certificates.expiresAt).toBeUndefined();
  certificates.saw('a', 300);
  certificates.saw('b', 200);
  expect(certificates.expiresAt).toBe(200);
  // It was renewed.
  certificates.saw('b', 900);
  expect(certificates.expiresAt).toBe(300);
});

it('there is no end to what a server may invent, but to what is kept of it', () => {
  const certificates = new Certificates();
  certificates.saw('first', 5000);
  for (let n = 0; n < 5000; n++) certificates.saw(`host-${n}`, 10_000 - n);
  expect(certificates.expiresAt).toBe(5000);
  certificates.saw('first', 4000);
  expect(certificates.expiresAt).toBe(4000);
});
