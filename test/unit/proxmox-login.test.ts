import { beforeEach, describe, expect, it } from 'vitest';
import type { Call } from '../../src/servers/proxmox/http.ts';
import type { Answer } from '../../src/servers/proxmox/http-answer.ts';
import { type Login, loginOf } from '../../src/servers/proxmox/login.ts';
import type { Target } from '../../src/servers/proxmox/target.ts';
import { ManualClock } from '../fakes/manual-clock.ts';

const MINUTE = 60_000;
const target: Target = {
  name: 'main',
  origin: 'https://pve.test:8006',
  verifySsl: true,
  timeoutMs: 30_000,
  credential: { kind: 'password', variable: 'PROXMOX_PASSWORD', user: 'ann@pve', password: 'pass word' },
};
const issued = (ticket: string): Answer => ({ status: 200, reason: 'OK', body: JSON.stringify({ data: { ticket } }) });
const refusal: Answer = { status: 401, reason: 'authentication failure', body: '' };

let clock: ManualClock;
let calls: Call[];
let answers: (Answer | Promise<Answer>)[];
let login: Login;
/** The passwords of the logins so far. */
const passwords = () => calls.map((call) => new URLSearchParams(call.body).get('password'));

beforeEach(() => {
  clock = new ManualClock();
  calls = [];
  answers = [];
  login = loginOf(target, clock, async (call) => {
    calls.push(call);
    return (await answers.shift()) ?? issued(`PVE:ann@pve:${calls.length}::c2ln+/==`);
  });
});

describe('login with a password', () => {
  it('asks for a ticket once, also for calls at once', async () => {
    const [first, second] = await Promise.all([login.headers(), login.headers()]);
    expect(second).toEqual(first);
    expect(await login.headers()).toBe(first);
    expect(calls).toEqual([
      {
        method: 'POST',
        path: '/access/ticket',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'username=ann%40pve&password=pass+word',
      },
    ]);
    expect(first).toEqual({ cookie: `PVEAuthCookie=${encodeURIComponent('PVE:ann@pve:1::c2ln+/==')}` });
  });

  it('keeps the ticket for an hour and renews it with itself', async () => {
    const first = await login.headers();
    clock.advance(59 * MINUTE);
    expect(await login.headers()).toBe(first);
    clock.advance(MINUTE);
    expect(await login.headers()).not.toEqual(first);
    expect(passwords()).toEqual(['pass word', 'PVE:ann@pve:1::c2ln+/==']);
  });

  it('takes the password where the old ticket is refused', async () => {
    await login.headers();
    clock.advance(61 * MINUTE);
    answers = [refusal];
    await login.headers();
    expect(passwords()).toEqual(['pass word', 'PVE:ann@pve:1::c2ln+/==', 'pass word']);
  });

  it('takes the password where the old ticket has ended', async () => {
    await login.headers();
    clock.advance(120 * MINUTE);
    await login.headers();
    expect(passwords()).toEqual(['pass word', 'pass word']);
  });

  it('logs in again for a ticket that was refused, but only once for many calls', async () => {
    const old = await login.headers();
    expect(login.refused(old)).toBe(true);
    const next = await login.headers();
    expect(login.refused(old)).toBe(true);
    expect(await login.headers()).toBe(next);
    expect(passwords()).toEqual(['pass word', 'pass word']);
  });

  it('says what is wrong with a password, and can try again', async () => {
    answers = [refusal];
    await expect(login.headers()).rejects.toThrow(
      /refused the login.*password of ann@pve in variable PROXMOX_PASSWORD/,
    );
    await expect(login.headers()).resolves.toHaveProperty('cookie');
  });

  it('says that a second factor cannot be given', async () => {
    answers = [issued('PVE:!tfa!%7B%7D:65::c2ln')];
    await expect(login.headers()).rejects.toThrow(/second factor.*API token/);
  });

  it.each(['', '{}', '{"data":null}', '{"data":{"ticket":""}}', 'no JSON'])('refuses the answer %j', async (body) => {
    answers = [{ status: 200, reason: 'OK', body }];
    await expect(login.headers()).rejects.toThrow(/with no ticket/);
  });

  it('gives up after the timeout of the server', async () => {
    answers = [new Promise(() => {})];
    const pending = expect(login.headers()).rejects.toThrow(/did not answer within 30 s/);
    clock.advance(target.timeoutMs);
    await pending;
  });
});

describe('login with an API token', () => {
  it('sends it with each call, encoded, and never asks for a ticket', async () => {
    const credential = { kind: 'token', variable: 'PROXMOX_TOKEN', id: 'jörg@pve!mcp', secret: '1-2' } as const;
    const byToken = loginOf({ ...target, credential }, clock, async () => refusal);
    const headers = await byToken.headers();
    expect(headers).toEqual({ authorization: 'PVEAPIToken=j%C3%B6rg@pve!mcp=1-2' });
    expect(byToken.refused(headers)).toBe(false);
  });
});
