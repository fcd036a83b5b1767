import { describe, expect, it } from 'vitest';
import { ManualClock } from '../fakes/manual-clock.ts';
import type { Fault } from '../fakes/proxmox/simulator.ts';
import { eventually } from '../support/eventually.ts';
import { call, changesOf, connected, failureOf, PASSWORD, startPve } from './proxmox-setup.ts';

const START = '/nodes/pve3/qemu/103/status/start';
const ARGS = { vmids: [103], action: 'start' };

describe('a call that changes something', () => {
  it.each<[string, Fault, string, RegExp]>([
    ['breaks', { kind: 'reset' }, 'unknown', /Whether the change was made is not known: look with pve_list_tasks/],
    ['breaks after it was done', { kind: 'lost' }, 'unknown', /is not known/],
    [
      'ends with 596',
      { kind: 'answer', status: 596, reason: 'Broken pipe' },
      'unknown',
      /could not reach the node .*is not known/,
    ],
    [
      'ends with 595',
      { kind: 'answer', status: 595, reason: 'No route to host' },
      'failed',
      /could not reach the node .*\(No route to host\)[^?]*shows it$/,
    ],
    [
      'ends with 500',
      { kind: 'answer', status: 500, reason: 'got timeout' },
      'failed',
      /could not do this: got timeout$/,
    ],
  ])('is sent once when it %s', async (_, fault, outcome, message) => {
    const pve = await startPve();
    pve.inject(START, fault);
    const result = await call(await connected(pve.port), 'pve_power', ARGS);
    expect(result.isError).toBe(true);
    expect(changesOf(result).changes).toMatchObject([{ outcome, message: expect.stringMatching(message) }]);
    expect(pve.writes).toHaveLength(1);
    expect(pve.guest(103).status).toBe(fault.kind === 'lost' ? 'running' : 'stopped');
  });

  it('is waited for while its answer is slow', async () => {
    const pve = await startPve();
    pve.inject(START, { kind: 'slow', ms: 300 });
    const { changes } = changesOf(await call(await connected(pve.port), 'pve_power', ARGS));
    expect(changes).toMatchObject([{ outcome: 'done', state: 'running' }]);
    expect(pve.writes).toHaveLength(1);
  });

  it('whose answer does not come in time is not sent again', async () => {
    const pve = await startPve();
    pve.inject(START, { kind: 'silent' });
    const clock = new ManualClock();
    const client = await connected(pve.port, { clock });
    const pending = call(client, 'pve_power', ARGS);
    await eventually('the change is there', async () => pve.writes.length === 1);
    clock.advance(30_000);
    expect(changesOf(await pending).changes).toMatchObject([
      { outcome: 'unknown', message: expect.stringContaining('did not answer within 30 s') },
    ]);
    expect(pve.writes).toHaveLength(1);
  });

  it('carries the token against forged requests, and is sent again with a new login when the old one is refused', async () => {
    const pve = await startPve({ users: { 'root@pam': 'pass word' } });
    const client = await connected(pve.port, { variables: PASSWORD });
    await call(client, 'pve_whoami');
    pve.inject(START, { kind: 'answer', status: 401, reason: 'No ticket' });
    expect(changesOf(await call(client, 'pve_power', ARGS)).changes).toMatchObject([{ outcome: 'done' }]);
    expect(pve.writes).toHaveLength(2);
    expect(pve.seen.filter((one) => one.path.endsWith('/access/ticket'))).toHaveLength(2);
  });

  it('says so when the login is refused for good', async () => {
    const pve = await startPve();
    pve.inject(START, { kind: 'answer', status: 401, reason: 'Authentication failed!' });
    const { changes } = changesOf(await call(await connected(pve.port), 'pve_power', ARGS));
    expect(changes).toMatchObject([
      { outcome: 'failed', message: expect.stringMatching(/refused the login \(Authentication failed!\)/) },
    ]);
  });
});

describe('a host that is out of reach', () => {
  it('is asked no more after five calls, and again after a while', async () => {
    const pve = await startPve();
    const clock = new ManualClock();
    const client = await connected(pve.port, {
      clock: {
        now: () => clock.now(),
        sleep: (ms, signal) => (ms < 2000 ? Promise.resolve() : clock.sleep(ms, signal)),
      },
    });
    const version = () => failureOf(client, 'pve_list_resources');
    pve.inject('/cluster/resources', { kind: 'reset' }, 24);
    for (let calls = 1; calls <= 5; calls++) expect(await version()).toMatch(/cannot be reached/);
    expect(pve.seen).toHaveLength(20);
    expect(await version()).toMatch(/did not answer several calls in a row .* try again in 15 s/);
    expect(pve.seen).toHaveLength(20);
    clock.advance(15_000);
    // One call probes.
    expect(await version()).toMatch(/cannot be reached/);
    expect(await version()).toMatch(/is not asked now/);
    expect(pve.seen).toHaveLength(24);
    clock.advance(15_000);
    expect(await call(client, 'pve_list_resources')).not.toHaveProperty('isError');
    expect(await call(client, 'pve_list_resources')).not.toHaveProperty('isError');
  });

  it('does not keep another one from being asked', async () => {
    const [pve, other] = [await startPve(), await startPve()];
    const main = {
      ...{
        host: '127.0.0.1',
        username: 'root',
        realm: 'pam',
        token_env_var: 'PROXMOX_TOKEN',
        password_env_var: 'PROXMOX_PASSWORD',
        verify_ssl: false,
        timeout: 30,
      },
      port: other.port,
    };
    const client = await connected(pve.port, { servers: { other: main } });
    pve.inject('/cluster/resources', { kind: 'reset' }, 100);
    for (let calls = 1; calls <= 5; calls++) await call(client, 'pve_list_resources');
    expect(await failureOf(client, 'pve_list_resources')).toMatch(/is not asked now/);
    expect(await call(client, 'pve_list_resources', { server: 'other' })).not.toHaveProperty('isError');
  });
});
