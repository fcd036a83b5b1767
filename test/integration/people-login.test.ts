import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Login } from '../../src/admin/login.ts';
import { hashPassword } from '../../src/core/password.ts';
import type { Account } from '../../src/core/people.ts';
import { AdminParts, account, PASSWORD } from '../support/admin-parts.ts';
import { ControlPlane } from '../support/control-plane.ts';

let plane: ControlPlane;
let parts: AdminParts;
let accounts: Account[];
/** Two replicas on one store. */
let logins: readonly [Login, Login];
beforeEach(async () => {
  plane = new ControlPlane();
  parts = new AdminParts(plane);
  const hash = await hashPassword(PASSWORD);
  accounts = [{ ...account('ada', 'admin'), password: { hash } }, account('bob', 'operator')];
  const login = () => new Login({ operations: parts.operations, accounts: () => accounts });
  logins = [login(), login()];
});
afterEach(() => parts[Symbol.asyncDispose]());

const WRONG = { code: 'auth.invalid', message: 'Name or password is wrong' };
const TOO_MANY = { code: 'auth.throttled', status: 429, retryAfter: 300 };
const attempt = (n: number, name: string, password: string, address = '10.0.0.1') =>
  (logins[n % 2] as Login).check(name, password, address);

describe('login', () => {
  it('lets in who knows the password, however it is kept', async () => {
    expect(await attempt(0, 'ada', PASSWORD)).toMatchObject({ name: 'ada', role: 'admin' });
    expect(await attempt(1, 'bob', PASSWORD)).toMatchObject({ name: 'bob', role: 'operator' });
  });

  it('[people.throttle] says the same of a wrong name and of a wrong password', async () => {
    for (const name of ['ada', 'bob', 'nobody', '__proto__', 'ADA', 'ada\n'])
      for (const password of [`${PASSWORD}x`, ' '])
        await expect(attempt(0, name, password, `${name}${password}`)).rejects.toMatchObject(WRONG);
    await expect(attempt(0, 'nobody', PASSWORD)).rejects.toMatchObject(WRONG);
  });

  it('[people.throttle] bars an account after ten failures at any replica, the right password too, and not for ever', async () => {
    for (const name of ['ada', 'nobody']) {
      for (let n = 0; n < 10; n++) await expect(attempt(n, name, 'wrong', `10.0.1.${n}`)).rejects.toMatchObject(WRONG);
      for (let n = 0; n < 2; n++) await expect(attempt(n, name, PASSWORD, '10.0.2.1')).rejects.toMatchObject(TOO_MANY);
    }
    expect(await attempt(0, 'bob', PASSWORD)).toMatchObject({ name: 'bob' });
    await plane.clock.advance(5 * 60_000);
    expect(await attempt(1, 'ada', PASSWORD)).toMatchObject({ name: 'ada' });
  });

  it('[people.throttle] lets nobody be kept out by strangers: where somebody got in before, only failures from there count', async () => {
    await attempt(0, 'ada', PASSWORD, '10.0.2.1');
    for (let n = 0; n < 10; n++) await expect(attempt(n, 'ada', 'wrong', `10.0.1.${n}`)).rejects.toMatchObject(WRONG);
    await expect(attempt(0, 'ada', PASSWORD, '10.0.1.0')).rejects.toMatchObject(TOO_MANY);
    expect(await attempt(1, 'ada', PASSWORD, '10.0.2.1')).toMatchObject({ name: 'ada' });
    await expect(attempt(0, 'ada', PASSWORD, '10.0.1.0')).rejects.toMatchObject(TOO_MANY);
    for (let n = 0; n < 10; n++) await expect(attempt(n, 'ada', 'wrong', '10.0.2.1')).rejects.toMatchObject(WRONG);
    await expect(attempt(0, 'ada', PASSWORD, '10.0.2.1')).rejects.toMatchObject(TOO_MANY);
  });

  it('[people.throttle] bars an address after thirty failures, whatever accounts it tried', async () => {
    for (let n = 0; n < 30; n++) await expect(attempt(n, `user${n}`, 'wrong')).rejects.toMatchObject(WRONG);
    await expect(attempt(0, 'bob', PASSWORD)).rejects.toMatchObject(TOO_MANY);
    expect(await attempt(0, 'bob', PASSWORD, '10.9.9.9')).toMatchObject({ name: 'bob' });
  });

  it('forgets the failures of an account that somebody gets into', async () => {
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 6; n++) await expect(attempt(n, 'bob', 'wrong')).rejects.toMatchObject(WRONG);
      await attempt(0, 'bob', PASSWORD, '10.0.3.1');
    }
  });

  it('[people.throttle] counts attempts that come at once, and lets only so many wait', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, (_, n) => attempt(0, 'ada', `guess ${n}`, `10.1.0.${n}`)),
    );
    const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'let in'));
    const wrong = codes.filter((code) => code === 'auth.invalid').length;
    expect(wrong).toBeGreaterThanOrEqual(10);
    expect(wrong).toBeLessThanOrEqual(11); // two are looked at at once
    expect(codes.filter((code) => code === 'auth.throttled')).toHaveLength(100 - wrong);
    await expect(attempt(0, 'bob', 'wrong', '10.1.0.0')).rejects.toMatchObject(WRONG); // nothing is held up
  });

  it('is refused while the store, which knows the failures, is out of reach', async () => {
    await parts.operations[Symbol.asyncDispose]();
    await expect(attempt(0, 'bob', PASSWORD)).rejects.toMatchObject({ code: 'store.unavailable' });
  });
});
