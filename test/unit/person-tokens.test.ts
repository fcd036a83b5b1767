import { createHmac, generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Tokens } from '../../src/sessions/tokens.ts';
import { AdminParts, account } from '../support/admin-parts.ts';
import { ControlPlane, KEY } from '../support/control-plane.ts';

let plane: ControlPlane;
let parts: AdminParts;
beforeEach(() => {
  plane = new ControlPlane();
  parts = new AdminParts(plane);
});
afterEach(() => parts[Symbol.asyncDispose]());

const admin = () => parts.tokens.issue(account('admin', 'admin'));
const refused = (token: string) =>
  expect(parts.identities.verify(token), token.slice(0, 60)).rejects.toMatchObject({ code: 'auth.invalid' });
const seconds = () => Math.floor(plane.clock.now() / 1000);

/** A token with these changes of a good one, signed by `secret` as `alg` says. */
function forged(change: object, { secret = parts.keys[0]?.secret, header = {} } = {} as Forgery): string {
  const good = jwt.decode(admin().access) as jwt.JwtPayload;
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ alg: 'HS256', typ: 'JWT', kid: 'one', ...header })}.${encode({ ...good, ...change })}`;
  const signature = createHmac('sha256', Buffer.from(secret ?? [])).update(text);
  return `${text}.${signature.digest('base64url')}`;
}
interface Forgery {
  readonly secret?: Uint8Array;
  readonly header?: object;
}

describe('tokens of people', () => {
  it('say who it is', async () => {
    expect(await parts.identities.verify(forged({}))).toEqual({ name: 'admin', role: 'admin' });
    expect(await parts.identities.verify(parts.tokenOf('dora'))).toEqual({ name: 'dora', role: 'developer' });
    const { header } = jwt.decode(admin().access, { complete: true }) as jwt.Jwt;
    expect(header).toMatchObject({ alg: 'HS256', kid: 'one' });
  });

  it('[people.token] are refused if what they say is no object', async () => {
    const encode = (text: string) => Buffer.from(text).toString('base64url');
    for (const claims of ['null', '1', '"x"', '[]'])
      await refused(`${encode('{"alg":"HS256","typ":"JWT","kid":"one"}')}.${encode(claims)}.${encode('x')}`);
  });

  it('[people.token] are refused without a signature, or with another algorithm or key', async () => {
    const [head, body, signature] = admin().access.split('.') as [string, string, string];
    const none = Buffer.from('{"alg":"none","typ":"JWT","kid":"one"}').toString('base64url');
    for (const token of [`${none}.${body}.`, `${none}.${body}.${signature}`, `${head}.${body}.`, `${head}.${body}`])
      await refused(token);
    await refused(forged({}, { secret: Buffer.alloc(32, 9) }));
    await refused(forged({}, { secret: Buffer.alloc(0) }));
    await refused(forged({}, { header: { kid: 'two' } }));
    await refused(forged({}, { header: { kid: '__proto__' } }));
    for (const alg of ['HS384', 'HS512', 'RS256', 'NONE', 'nOnE', '']) await refused(forged({}, { header: { alg } }));
    const claims = jwt.decode(admin().access) as object;
    const secret = Buffer.from(parts.keys[0]?.secret ?? []);
    for (const algorithm of ['HS384', 'HS512'] as const)
      await refused(jwt.sign(claims, secret, { algorithm, keyid: 'one' }));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await refused(jwt.sign(claims, privateKey, { algorithm: 'RS256', keyid: 'one' }));
  });

  it('[people.token] are refused from another issuer, for another audience, of another kind, or expired', async () => {
    await refused(forged({ iss: 'somebody' }));
    await refused(forged({ iss: undefined }));
    for (const aud of ['mcp', 'admin-refresh', 'egress', undefined, []]) await refused(forged({ aud }));
    await refused(forged({ exp: seconds() - 1 }));
    await refused(forged({ exp: undefined }));
    await refused(forged({ nbf: seconds() + 60 }));
    await refused(forged({ sub: 'nobody' }));
    await refused(forged({ sub: '__proto__' }));
    await refused(admin().refresh);
    const session = {
      id: 'pts_1-abcdefghijklmnop',
      nonce: 'n',
      owner: 'admin',
      maxAt: plane.clock.now() + 60_000,
      idleTtlMs: 30_000,
    };
    await refused(new Tokens(KEY, plane.clock).issue(session));
    const { access } = admin();
    await plane.clock.advance(15 * 60_000);
    await refused(access);
    for (const text of ['', 'x', 'a.b.c', '..', `${'a'.repeat(9000)}.b.c`]) await refused(text);
  });

  it('count for nothing once the account is another one', async () => {
    const { access } = admin();
    parts.people = { accounts: [{ ...account('admin', 'operator'), stamp: 's1' }] };
    expect(await parts.identities.verify(access)).toEqual({ name: 'admin', role: 'operator' });
    parts.people = { accounts: [{ ...account('admin', 'admin'), stamp: 's2' }] };
    await refused(access);
    parts.people = { accounts: [] };
    await refused(access);
  });

  it('[people.rotation] go on being good while a key is replaced, and end with the old one', async () => {
    const old = admin().access;
    const [first] = parts.keys;
    parts.keys = [{ kid: 'two', secret: Buffer.alloc(32, 2) }, first as (typeof parts.keys)[0]];
    await parts.identities.verify(old);
    const next = admin().access;
    expect(jwt.decode(next, { complete: true })?.header.kid).toBe('two');
    parts.keys = parts.keys.slice(0, 1);
    await parts.identities.verify(next);
    await refused(old);
  });
});

describe('refresh and logout', () => {
  it('[people.refresh] a refresh token is good once, and its second use ends the login', async () => {
    const first = admin();
    const { tokens, person } = await parts.tokens.refresh(first.refresh);
    expect(person).toEqual({ name: 'admin', role: 'admin' });
    await parts.identities.verify(tokens.access);
    await expect(parts.tokens.refresh(first.refresh)).rejects.toMatchObject({ code: 'auth.invalid' });
    await refused(tokens.access);
    await expect(parts.tokens.refresh(tokens.refresh)).rejects.toMatchObject({ code: 'auth.invalid' });
  });

  it('[people.refresh] a login ends after a week, however often it was refreshed', async () => {
    let last = admin();
    for (let hours = 0; hours < 7 * 24 - 6; hours += 6) {
      await plane.clock.advance(6 * 3_600_000);
      last = (await parts.tokens.refresh(last.refresh)).tokens;
    }
    await plane.clock.advance(6 * 3_600_000 - 60_000);
    last = (await parts.tokens.refresh(last.refresh)).tokens;
    expect(last.expiresIn).toBe(60);
    await parts.identities.verify(last.access);
    await plane.clock.advance(60_000);
    await refused(last.access);
    await expect(parts.tokens.refresh(last.refresh)).rejects.toMatchObject({ code: 'auth.invalid' });
  });

  it('an access token refreshes nothing', async () => {
    await expect(parts.tokens.refresh(admin().access)).rejects.toMatchObject({ code: 'auth.invalid' });
  });

  it('[people.refresh] a logout ends all tokens of the login, and of no other', async () => {
    const [mine, other] = [admin(), admin()];
    const { tokens } = await parts.tokens.refresh(mine.refresh);
    await parts.tokens.revoke(tokens.access);
    await refused(mine.access);
    await refused(tokens.access);
    await expect(parts.tokens.refresh(tokens.refresh)).rejects.toMatchObject({ code: 'auth.invalid' });
    await parts.identities.verify(other.access);
  });
});
