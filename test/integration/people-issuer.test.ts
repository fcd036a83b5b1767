import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import jwt from 'jsonwebtoken';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdminParts } from '../support/admin-parts.ts';
import { ControlPlane } from '../support/control-plane.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = (key: KeyObject, kid: string, more = {}) => ({ ...key.export({ format: 'jwk' }), kid, ...more });

let plane: ControlPlane;
let parts: AdminParts;
let server: Server;
let answer: { status: number; body: string };
let fetched: number;
beforeEach(async () => {
  plane = new ControlPlane();
  parts = new AdminParts(plane);
  fetched = 0;
  const keys = [
    jwk(rsa.publicKey, 'r', { use: 'sig' }),
    jwk(ec.publicKey, 'e'),
    { kty: 'oct', kid: 'o', k: 'AAAA' },
    7,
  ];
  answer = { status: 200, body: JSON.stringify({ keys }) };
  server = createServer((_, response) => {
    fetched += 1;
    response.writeHead(answer.status).end(answer.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  parts.people = {
    accounts: parts.people.accounts,
    issuer: {
      issuer: 'https://idp.example',
      audience: 'msm',
      jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
      nameClaim: 'sub',
      roleClaim: 'groups',
      roles: { 'mcp-admins': 'admin', staff: 'developer' },
    },
  };
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await parts[Symbol.asyncDispose]();
});

/** Without what `change` has as undefined. */
const claims = (change: object = {}): object =>
  JSON.parse(
    JSON.stringify({
      iss: 'https://idp.example',
      aud: 'msm',
      sub: 'ada',
      groups: ['staff'],
      exp: Math.floor(plane.clock.now() / 1000) + 300,
      ...change,
    }),
  );
const signed = (change: object = {}, kid = 'r', alg: jwt.Algorithm = 'RS256') =>
  jwt.sign(claims(change), alg === 'ES256' ? ec.privateKey : rsa.privateKey, {
    algorithm: alg,
    keyid: kid,
    noTimestamp: true,
  });
const refused = (token: string, code = 'auth.invalid') =>
  expect(parts.identities.verify(token)).rejects.toMatchObject({ code });

describe("another issuer's tokens", () => {
  it('say who it is and in which role, and nobody who has an account here', async () => {
    expect(await parts.identities.verify(signed())).toEqual({ name: 'oidc:ada', role: 'developer' });
    const many = signed({ sub: 'admin', groups: ['staff', 'mcp-admins'] }, 'e', 'ES256');
    expect(await parts.identities.verify(many)).toEqual({ name: 'oidc:admin', role: 'admin' });
    expect(await parts.identities.verify(signed({ groups: 'staff' }, 'r', 'PS256'))).toMatchObject({
      role: 'developer',
    });
    expect(fetched).toBe(1);
  });

  it('[people.issuer] are refused with another key or algorithm, from elsewhere, for others, or expired', async () => {
    for (const change of [
      { iss: 'https://evil.example' },
      { aud: 'other' },
      { aud: undefined },
      { exp: 1 },
      { exp: undefined },
      { nbf: Math.floor(plane.clock.now() / 1000) + 60 },
      { sub: undefined },
      { sub: 'a\nb' },
      { sub: { toString: 'x' } },
    ])
      await refused(signed(change));
    await refused(
      jwt.sign(claims(), generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, {
        algorithm: 'RS256',
        keyid: 'r',
      }),
    );
    await refused(signed({}, 'e')); // the key of another kind
    await refused(jwt.sign(claims(), rsa.privateKey, { algorithm: 'RS256' })); // it names no key
    // The public key as the secret of an HMAC (RFC 8725, section 2.1).
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
    const [head, body] = [{ alg: 'HS256', typ: 'JWT', kid: 'r' }, claims()].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    const signature = createHmac('sha256', pem).update(`${head}.${body}`).digest('base64url');
    await refused(`${head}.${body}.${signature}`);
    const none = Buffer.from('{"alg":"none","kid":"r"}').toString('base64url');
    await refused(`${none}.${body}.`);
  });

  it('[people.issuer] let nobody in without a role', async () => {
    for (const groups of [[], ['other'], 'constructor', ['__proto__'], { staff: true }, 7])
      await refused(signed({ groups }), 'auth.forbidden');
  });

  it('[attack.15] name nobody whose name a shell or a log could obey', async () => {
    for (const sub of ['$(id)', '`id`', 'a;id', 'a|id', '-rf', '../x', 'a\u001b[2J', 'a b', '', 'x'.repeat(200)])
      await refused(signed({ sub }));
  });

  it('are of no use where no issuer is configured', async () => {
    parts.people = { accounts: parts.people.accounts };
    await refused(signed());
    expect(fetched).toBe(0);
  });

  it('wait for keys that cannot be had, and say so; unknown ones are not asked for all the time', async () => {
    answer = { ...answer, status: 500 };
    for (let n = 0; n < 5; n++) await refused(signed({}, `k${n}`), 'upstream.failed');
    expect(fetched).toBe(1);
    answer = { status: 200, body: 'x'.repeat(300_000) };
    await plane.clock.advance(5000);
    await refused(signed(), 'upstream.failed');
    answer = { status: 200, body: '{"keys": []}' };
    await plane.clock.advance(5000);
    await refused(signed());
    const before = fetched;
    for (let n = 0; n < 5; n++) await refused(signed({}, `k${n}`));
    expect(fetched).toBe(before);
    answer = { status: 200, body: JSON.stringify({ keys: [jwk(rsa.publicKey, 'next')] }) };
    await plane.clock.advance(31_000);
    expect(await parts.identities.verify(signed({}, 'next'))).toMatchObject({ name: 'oidc:ada' });
  });
});
