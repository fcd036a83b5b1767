import { X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { selfSigned } from '../fakes/certificate.ts';
import type { ProxmoxSimulator } from '../fakes/proxmox/simulator.ts';
import { call, connected, failureOf, type Setup, startPve, temporaryDirectory } from './proxmox-setup.ts';

const FILE = 'proxmox-fingerprints.json';
const PINNED = { fingerprint_env_var: 'PROXMOX_FINGERPRINT' };
const fingerprintOf = ({ certificate }: { certificate: { cert: string } }) =>
  new X509Certificate(certificate.cert).fingerprint256;
const OTHER = new X509Certificate(selfSigned(['127.0.0.1']).cert).fingerprint256;

describe('a certificate that no authority vouches for', () => {
  it.each<[string, (fingerprint: string) => string]>([
    ['as Proxmox shows it', (one) => one],
    ['without colons', (one) => one.replaceAll(':', '').toLowerCase()],
  ])('is accepted with the fingerprint that is pinned, %s', async (_, write) => {
    const pve = await startPve();
    const variables = { PROXMOX_FINGERPRINT: write(fingerprintOf(pve)) };
    const client = await connected(pve.port, { server: PINNED, variables });
    expect(await call(client, 'pve_whoami')).not.toHaveProperty('isError');
  });

  it('[proxmox.pin] is refused with another one, before a byte is sent', async () => {
    const pve = await startPve({ users: { 'root@pam': 'pass word' } });
    const setup = { server: PINNED, variables: { PROXMOX_FINGERPRINT: OTHER } };
    for (const login of [{}, { PROXMOX_TOKEN: '', PROXMOX_PASSWORD: 'pass word' }]) {
      const client = await connected(pve.port, { ...setup, variables: { ...setup.variables, ...login } });
      expect(await failureOf(client, 'pve_whoami')).toMatch(
        /another certificate than the one that is pinned \(shown: [0-9A-F:]{95}; pinned: /,
      );
      expect(await failureOf(client, 'pve_power', { vmids: [100], action: 'start' })).toMatch(/another certificate/);
    }
    expect(pve.seen).toEqual([]);
  });

  it('[proxmox.pin] is refused with a pin also where an authority vouches for it', async () => {
    const pve = await startPve();
    const { setDefaultCACertificates, getCACertificates } = await import('node:tls');
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, pve.ca]);
    try {
      const server = { ...PINNED, verify_ssl: true };
      const client = await connected(pve.port, { server, variables: { PROXMOX_FINGERPRINT: OTHER } });
      expect(await failureOf(client, 'pve_whoami')).toMatch(/another certificate/);
    } finally {
      setDefaultCACertificates(before);
    }
    expect(pve.seen).toEqual([]);
  });

  it('[proxmox.pin] is trusted when it is first met, and the session remembers it', async () => {
    const configDir = await temporaryDirectory();
    const pve = await startPve();
    const client = await connected(pve.port, { configDir });
    await Promise.all([call(client, 'pve_whoami'), call(client, 'pve_cluster_overview')]);
    const known = { [`https://127.0.0.1:${pve.port}`]: fingerprintOf(pve) };
    expect(JSON.parse(await readFile(join(configDir, FILE), 'utf8'))).toEqual(known);
    expect((await stat(join(configDir, FILE))).mode & 0o777).toBe(0o600);
    // The server of this session is started anew.
    expect(await call(await connected(pve.port, { configDir }), 'pve_whoami')).not.toHaveProperty('isError');
  });

  it('[proxmox.pin] is refused when another one was met first, before a byte is sent', async () => {
    const configDir = await temporaryDirectory();
    const pve = await startPve();
    await writeFile(join(configDir, FILE), JSON.stringify({ [`https://127.0.0.1:${pve.port}`]: OTHER }));
    const failure = await failureOf(await connected(pve.port, { configDir }), 'pve_whoami');
    expect(failure).toMatch(
      /that it showed when it was first met .*delete the entry of https:\/\/127\.0\.0\.1:\d+ in proxmox-fingerprints\.json/,
    );
    expect(pve.seen).toEqual([]);
  });

  it('is refused where nobody knows any more what was trusted', async () => {
    const configDir = await temporaryDirectory();
    const pve = await startPve();
    await writeFile(join(configDir, FILE), '{');
    expect(await failureOf(await connected(pve.port, { configDir }), 'pve_whoami')).toMatch(
      /cannot be read .*Delete it/,
    );
    expect(pve.seen).toEqual([]);
  });

  it('a pin that is none is reported', async () => {
    const pve = await startPve();
    await expect(connected(pve.port, { server: PINNED, variables: { PROXMOX_FINGERPRINT: 'AB:CD' } })).rejects.toThrow(
      /servers\.main\.fingerprint_env_var: the value of variable PROXMOX_FINGERPRINT is no SHA-256 fingerprint/,
    );
  });
});

describe('the end of a certificate', () => {
  const until = new Date('2031-02-03T04:05:06Z');

  /** What the server tells of the certificates that it is shown. */
  function telling() {
    const told = new Set<string>();
    const sawCertificate = (peer: string, expiresAt: number) => void told.add(`${peer} ${expiresAt}`);
    return { told, sawCertificate };
  }

  it.each<[string, (pve: ProxmoxSimulator) => Setup]>([
    ['trusted when it is first met', () => ({})],
    ['pinned', (pve) => ({ server: PINNED, variables: { PROXMOX_FINGERPRINT: fingerprintOf(pve) } })],
    ['vouched for by an authority', () => ({ server: { verify_ssl: true } })],
  ])('is told of one that is %s', async (_, setup) => {
    const pve = await startPve({ until });
    const { setDefaultCACertificates, getCACertificates } = await import('node:tls');
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, pve.ca]);
    try {
      const { told, sawCertificate } = telling();
      const client = await connected(pve.port, { ...setup(pve), sawCertificate });
      expect(await call(client, 'pve_whoami')).not.toHaveProperty('isError');
      expect([...told]).toEqual([`https://127.0.0.1:${pve.port} ${until.getTime()}`]);
    } finally {
      setDefaultCACertificates(before);
    }
  });

  it('is not told of one that is refused', async () => {
    const pve = await startPve({ until });
    const { told, sawCertificate } = telling();
    const setup = { server: PINNED, variables: { PROXMOX_FINGERPRINT: OTHER }, sawCertificate };
    expect(await failureOf(await connected(pve.port, setup), 'pve_whoami')).toMatch(/another certificate/);
    expect(told.size).toBe(0);
  });
});
