import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { describe, expect, it } from 'vitest';
import type { ProxmoxSimulator, SimulatorOptions } from '../fakes/proxmox/simulator.ts';
import { SECRET, startPve } from './proxmox-setup.ts';

const TOKEN = { authorization: `PVEAPIToken=root@pam!mcp=${SECRET}` };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** One request over TLS that the simulator's own authority vouches for. */
async function ask(pve: ProxmoxSimulator, method: string, path: string, headers: object = TOKEN, body = '') {
  const sent = request({
    host: '127.0.0.1',
    port: pve.port,
    path: `/api2/json${path}`,
    method,
    ca: pve.ca,
    agent: false,
    headers: { ...headers, ...(body !== '' && { 'content-length': Buffer.byteLength(body) }) },
  }).end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += chunk;
  return { status: answer.statusCode, reason: answer.statusMessage, text, headers: answer.headers };
}

async function ticket(pve: ProxmoxSimulator) {
  const { text } = await ask(pve, 'POST', '/access/ticket', FORM, 'username=root%40pam&password=pw');
  const { data } = JSON.parse(text) as { data: { ticket: string; CSRFPreventionToken: string } };
  return { cookie: `PVEAuthCookie=${encodeURIComponent(data.ticket)}`, csrf: data.CSRFPreventionToken };
}

// What the server is tested against must itself refuse what Proxmox refuses.
describe('the simulator', () => {
  it.each<[string, string, object, string, number, string]>([
    ['GET', '/version', {}, '', 401, 'No ticket'],
    ['GET', '/version', { authorization: 'PVEAPIToken=root@pam!mcp=wrong' }, '', 401, 'Authentication failed!'],
    ['GET', '/nothing', TOKEN, '', 501, "Method 'GET /nothing' not implemented"],
    ['DELETE', '/nodes/pve3/qemu/103', { ...TOKEN, ...FORM }, 'purge=1', 501, "Unexpected content for method 'DELETE'"],
    [
      'POST',
      '/nodes/pve3/qemu/103/status/start',
      { ...TOKEN, 'transfer-encoding': 'chunked' },
      '',
      501,
      'chunked transfer encoding not supported',
    ],
    [
      'PUT',
      '/nodes/pve3/qemu/103/config',
      { ...TOKEN, ...FORM },
      `description=${'x'.repeat(600_000)}`,
      501,
      'for data too large',
    ],
    ['PUT', '/nodes/pve3/qemu/103/config', { ...TOKEN, ...FORM }, 'corse=2', 400, 'Parameter verification failed.'],
    ['PUT', '/nodes/pve3/qemu/103/config', { ...TOKEN, ...FORM }, 'cores=two', 400, 'Parameter verification failed.'],
    ['POST', '/nodes/pve3/qemu/103/clone', TOKEN, '', 400, 'Parameter verification failed.'],
    [
      'GET',
      '/nodes/pve1/qemu/103/config',
      TOKEN,
      '',
      500,
      "Configuration file 'nodes/pve1/qemu-server/103.conf' does not exist",
    ],
    ['GET', '/nodes/pve1/tasks/UPID:x/status', TOKEN, '', 400, 'Parameter verification failed.'],
  ])('answers %s %s with %j, %j: %i %s', async (method, path, headers, body, status, reason) => {
    const pve = await startPve();
    expect(await ask(pve, method, path, headers, body)).toMatchObject({ status, reason });
    expect(pve.guest(103).status).toBe('stopped');
  });

  it('wants the token against forged requests with a ticket, for whatever is no GET', async () => {
    const pve = await startPve({ users: { 'root@pam': 'pw' } });
    const { cookie, csrf } = await ticket(pve);
    const start = (headers: object) => ask(pve, 'POST', '/nodes/pve3/qemu/103/status/start', headers);
    expect(await ask(pve, 'GET', '/version', { cookie })).toMatchObject({ status: 200 });
    for (const headers of [{ cookie }, { cookie, CSRFPreventionToken: 'other' }]) {
      expect(await start(headers)).toMatchObject({
        status: 401,
        reason: 'Permission denied - invalid csrf token',
        text: '',
      });
    }
    expect(await start({ cookie, CSRFPreventionToken: csrf })).toMatchObject({ status: 200 });
  });

  it.each<[SimulatorOptions, string, number, string]>([
    [{ denied: ['/vms/103'] }, '/nodes/pve3/qemu/103/config', 403, 'Permission check failed (/vms/103, VM.Audit)'],
    [{ grants: { 'root@pam!mcp': { '/vms': ['VM.Audit'] } } }, '/nodes/pve3/qemu/103/config', 200, 'OK'],
    [
      { grants: { 'root@pam!mcp': { '/vms': ['VM.Audit'], '/vms/103': [] } } },
      '/nodes/pve3/qemu/103/config',
      403,
      'Permission check failed (/vms/103, VM.Audit)',
    ],
    [
      { grants: { 'root@pam!mcp': { '/vms': ['VM.Audit'] } } },
      '/cluster/backup',
      403,
      'Permission check failed (/, Sys.Audit)',
    ],
  ])('with %j answers %s: %i', async (options, path, status, reason) => {
    expect(await ask(await startPve(options), 'GET', path)).toMatchObject({ status, reason });
  });

  it('closes the connection with an error, and says why in the body unless it is older', async () => {
    for (const reasonOnly of [false, true]) {
      const { headers, text } = await ask(await startPve({ reasonOnly }), 'GET', '/nodes/pve1/qemu/999/config');
      expect(headers.connection).toBe('close');
      expect(JSON.parse(text).message).toEqual(reasonOnly ? undefined : expect.stringMatching(/does not exist\n$/));
    }
  });
});
