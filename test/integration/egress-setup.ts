import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import { AddressGuard } from '../../src/egress/address-guard.ts';
import { Dialer } from '../../src/egress/dialer.ts';
import { EgressProxy, type EgressProxyOptions } from '../../src/egress/proxy.ts';
import { EgressGrants } from '../../src/sessions/egress-grants.ts';
import { InstanceKeys } from '../../src/sessions/instance-keys.ts';

export const KEY = Buffer.alloc(32, 5);
const RECORD = { id: 'pts_3-aaaaaaaaaaaaaaaa', nonce: 'abcdefgh', maxAt: Date.now() + 3_600_000 };

export interface Instance {
  readonly grant: string;
  readonly secret: string;
}

/** An instance that may go to `hosts`; another one, or one of another time, where `change` says so. */
export function instance(
  hosts: readonly string[],
  change: Partial<typeof RECORD> & { server?: string; incarnation?: number; key?: Buffer } = {},
): Instance {
  const { server = 'proxmox', incarnation = 1, key = KEY, ...more } = change;
  const record = { ...RECORD, ...more };
  return {
    grant: new EgressGrants(key, systemClock).issue(record, server, incarnation, hosts),
    secret: new InstanceKeys(key).secretOf(record, server, incarnation),
  };
}

export async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'egress-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

export interface RunningProxy {
  readonly proxy: EgressProxy;
  readonly path: string;
  /** What was logged, as JSON. */
  readonly log: string[];
  /** Names that were resolved. */
  readonly lookups: string[];
}

export interface ProxySetup extends Partial<Omit<EgressProxyOptions, 'dialer'>> {
  /** Names and their addresses: those of the first lookup, those of the second, ... */
  readonly names?: Readonly<Record<string, readonly (readonly string[])[]>>;
  readonly allowLoopback?: boolean;
  /** Its socket; one of its own if absent. */
  readonly path?: string;
}

/** A proxy on a socket of its own, which knows the names that it is told; gone with the test. */
export async function startProxy(setup: ProxySetup = {}): Promise<RunningProxy> {
  const { names = {}, allowLoopback = true, path = join(await directory(), 'egress.sock'), ...change } = setup;
  const log: string[] = [];
  const lookups: string[] = [];
  const write = (fields: object, message: string) => void log.push(JSON.stringify({ ...fields, message }));
  const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  const lookup = async (host: string): Promise<LookupAddress[]> => {
    const answers = names[host] ?? [];
    const answer = answers[Math.min(lookups.filter((one) => one === host).length, answers.length - 1)];
    lookups.push(host);
    if (!answer) throw Object.assign(new Error(`no such name: ${host}`), { code: 'ENOTFOUND' });
    return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  const grants = new EgressGrants(KEY, systemClock);
  const proxy = new EgressProxy({
    verify: (grant, secret) => grants.verify(grant, secret),
    dialer: new Dialer({ guard: new AddressGuard({ allowLoopback }), clock: systemClock, lookup }),
    clock: systemClock,
    log: logger,
    connections: 8,
    idleMs: 60_000,
    headMs: 60_000,
    ...change,
  });
  await proxy.listen(path);
  onTestFinished(() => proxy.close(0));
  return { proxy, path, log, lookups };
}

/** A TCP server on 127.0.0.1 whose connections are handled by `serve`. */
export async function target(serve: (socket: Socket) => void): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

/** A connection to the socket on which `text` was written; destroyed with the test. */
export async function raw(path: string, text = ''): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

export const basic = ({ grant, secret }: Instance) => `Basic ${Buffer.from(`${grant}:${secret}`).toString('base64')}`;
const asking = (authority: string, authorization?: string) =>
  `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization ? `Proxy-Authorization: ${authorization}\r\n` : ''}\r\n`;

/** Everything until the other side has no more to say. */
export async function allOf(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The answer to a CONNECT that is refused, after which the proxy closes. */
export async function refused(path: string, authority: string, authorization?: string): Promise<string> {
  return (await allOf(await raw(path, asking(authority, authorization)))).toString();
}

/** A connection through the proxy, its head read. */
export async function connected(path: string, authority: string, who: Instance, early = ''): Promise<Socket> {
  const socket = await raw(path, asking(authority, basic(who)) + early);
  const head: Buffer[] = [];
  while (!Buffer.concat(head).includes('\r\n\r\n')) {
    const chunk = socket.read() as Buffer | null;
    if (chunk) head.push(chunk);
    else await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
    if (socket.destroyed) throw new Error('closed');
  }
  const bytes = Buffer.concat(head);
  const end = bytes.indexOf('\r\n\r\n') + 4;
  expect(bytes.toString('latin1', 0, end)).toMatch(/^HTTP\/1\.1 200 /);
  if (bytes.length > end) socket.unshift(bytes.subarray(end));
  return socket;
}
