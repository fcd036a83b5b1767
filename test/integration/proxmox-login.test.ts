import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import { ManualClock } from '../fakes/manual-clock.ts';
import { call, clientOf, connected, failureOf, logged, open, PASSWORD, SECRET, startPve } from './proxmox-setup.ts';

describe('login and connections', () => {
  it('keeps connections for later calls', async () => {
    const pve = await startPve();
    const client = await connected(pve.port);
    for (const vmid of [100, 101, 200]) await call(client, 'pve_guest_status', { vmid });
    expect(pve.seen).toHaveLength(6);
    // A connection is free a moment after its answer was read, so a call may take a second one.
    expect(Math.max(...pve.seen.map((one) => one.connection))).toBeLessThanOrEqual(2);
    expect(pve.seen.every((one) => one.auth === 'token')).toBe(true);
  });

  it.each([
    [`mcp=${SECRET}`, 'root'],
    [`ann@pve!mcp=${SECRET}`, 'root@pam'],
    [`PVEAPIToken=ann@pve!mcp=${SECRET}`, 'root@pam'],
  ])('accepts the token %s', async (PROXMOX_TOKEN, PROXMOX_USER) => {
    const pve = await startPve({ tokens: { 'root@pam!mcp': SECRET, 'ann@pve!mcp': SECRET } });
    const client = await connected(pve.port, { variables: { PROXMOX_TOKEN, PROXMOX_USER } });
    expect(await call(client, 'pve_cluster_overview')).not.toHaveProperty('isError');
  });

  it('logs in with a password once for calls at once and channels, and renews the ticket', async () => {
    const clock = new ManualClock();
    const pve = await startPve({ users: { 'root@pam': 'pass word' }, now: () => clock.now() });
    const connect = await open(pve.port, { clock, variables: PASSWORD });
    const [one, other] = [await clientOf(connect), await clientOf(connect)];
    const logins = () => pve.seen.filter((seen) => seen.method === 'POST').map((seen) => seen.form?.password);
    await Promise.all([call(one, 'pve_cluster_overview'), call(other, 'pve_list_resources')]);
    expect(logins()).toEqual(['pass word']);
    clock.advance(3_600_000);
    expect(await call(one, 'pve_list_resources')).not.toHaveProperty('isError');
    expect(logins()).toEqual(['pass word', expect.stringMatching(/^PVE:root@pam:/)]);
    clock.advance(7_200_000);
    expect(await call(one, 'pve_list_resources')).not.toHaveProperty('isError');
    expect(logins()[2]).toBe('pass word');
  });

  it('logs in again when the cluster forgot the ticket', async () => {
    const pve = await startPve({ users: { 'root@pam': 'pass word' } });
    const client = await connected(pve.port, { variables: PASSWORD });
    await call(client, 'pve_list_resources');
    pve.forgetTickets();
    expect(await call(client, 'pve_list_resources')).not.toHaveProperty('isError');
    expect(pve.seen.map((one) => one.method)).toEqual(['POST', 'GET', 'GET', 'POST', 'GET']);
  });

  it('says what to do where a password is wrong or a second factor is needed', async () => {
    const wrong = await startPve({ users: { 'root@pam': 'another' } });
    expect(await failureOf(await connected(wrong.port, { variables: PASSWORD }))).toMatch(
      /authentication failure.*password of root@pam in variable PROXMOX_PASSWORD/,
    );
    const second = await startPve({ users: { 'root@pam': 'pass word' }, secondFactor: ['root@pam'] });
    expect(await failureOf(await connected(second.port, { variables: PASSWORD }))).toMatch(/second factor.*API token/);
  });

  it('uses the server that a call names, each with its own login', async () => {
    const [one, two] = [
      await startPve(),
      await startPve({ tokens: { 'ann@pve!mcp': SECRET }, state: { cluster: 'office' } }),
    ];
    const servers = {
      office: { ...template.servers['proxmox-primary'], port: two.port, token_env_var: 'OFFICE_TOKEN' },
    };
    const variables = { OFFICE_TOKEN: `ann@pve!mcp=${SECRET}` };
    const client = await connected(one.port, { servers, variables });
    const byDefault = await call(client, 'pve_cluster_overview');
    const named = await call(client, 'pve_cluster_overview', { server: 'office' });
    expect(byDefault.structuredContent).toMatchObject({ server: 'main', cluster: 'home' });
    expect(named.structuredContent).toMatchObject({ server: 'office', cluster: 'office' });
    expect([one.seen.length, two.seen.length]).toEqual([4, 4]);
  });

  it('refuses a certificate that is not trusted, unless told otherwise', async () => {
    const pve = await startPve();
    const client = await connected(pve.port, { server: { verify_ssl: true } });
    expect(await failureOf(client)).toMatch(
      /not trusted \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\).*servers\.main\.verify_ssl/,
    );
    expect(pve.seen).toEqual([]);
  });

  it('accepts a certificate that is trusted', async () => {
    const pve = await startPve();
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, pve.ca]);
    onTestFinished(() => setDefaultCACertificates(before));
    const client = await connected(pve.port, { server: { verify_ssl: true } });
    expect(await call(client, 'pve_list_resources')).not.toHaveProperty('isError');
  });

  it('logs failures at the level of the configuration and nothing of a call that went well', async () => {
    const pve = await startPve();
    const quiet = await connected(pve.port, { config: { logging: { level: 'ERROR' } } });
    await failureOf(quiet, 'pve_guest_status', { vmid: 404 });
    expect(logged).toEqual([]);
    const client = await connected(pve.port);
    await call(client, 'pve_list_resources');
    expect(logged).toEqual([]);
    await failureOf(client, 'pve_guest_status', { vmid: 404 });
    expect(logged).toEqual([
      { level: 'warn', fields: expect.objectContaining({ tool: 'pve_guest_status', server: 'main' }) },
    ]);
  });
});
