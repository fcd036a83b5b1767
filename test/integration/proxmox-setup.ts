import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { beforeEach, expect, onTestFinished } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import type { AuditLog } from '../../src/core/audit-log.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { ConnectServer, ServerTransport } from '../../src/core/server-module.ts';
import { openAuditFile } from '../../src/host/audit-file.ts';
import { openProxmox } from '../../src/servers/proxmox/server.ts';
import { ProxmoxSimulator, type SimulatorOptions } from '../fakes/proxmox/simulator.ts';

export const SECRET = '0a1b2c3d-0000-4000-8000-123456789abc';
const TOKEN = { tokens: { 'root@pam!mcp': SECRET } };
export const VARIABLES = { PROXMOX_HOST: '127.0.0.1', PROXMOX_USER: 'root@pam', PROXMOX_TOKEN: `mcp=${SECRET}` };
export const PASSWORD = { PROXMOX_TOKEN: 'your-token-here', PROXMOX_PASSWORD: 'pass word' };
/** Name of the record of changes, in a test beside the configuration. */
export const AUDIT = 'audit';
export const GIB = 2 ** 30;

/** What the server of this test has logged. */
export const logged: { readonly level: string; readonly fields: object }[] = [];
const write = (level: string) => (fields: object) => void logged.push({ level, fields });
export const log: Logger = {
  debug: write('debug'),
  info: write('info'),
  warn: write('warn'),
  error: write('error'),
  child: () => log,
};
beforeEach(() => {
  logged.length = 0;
});

/** A directory that goes with the test. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'proxmox-test-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

/** A simulated Proxmox cluster, which goes with the test. */
export async function startPve(options: SimulatorOptions = {}): Promise<ProxmoxSimulator> {
  const pve = await ProxmoxSimulator.start({ ...TOKEN, ...options });
  onTestFinished(() => pve[Symbol.asyncDispose]());
  return pve;
}

/** What differs from the template and from a login with an API token. */
export interface Setup {
  readonly server?: object;
  readonly servers?: object;
  readonly config?: object;
  readonly variables?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** The session's configuration directory; one that goes with the test if absent. */
  readonly configDir?: string;
  /** Told of certificates. */
  readonly sawCertificate?: (peer: string, expiresAt: number) => void;
  /** The record of changes; a file beside the configuration if absent. */
  readonly audit?: AuditLog;
}

/** Opens the server with a configuration whose entry `main` is the host at `port` of this machine. */
export async function open(port: number, setup: Setup = {}): Promise<ConnectServer> {
  const main = { ...template.servers['proxmox-primary'], port, ...setup.server };
  const config = { ...template, servers: { main, ...setup.servers }, default_server: 'main', ...setup.config };
  const directory = setup.configDir ?? (await temporaryDirectory());
  await writeFile(join(directory, 'proxmox-config.json'), JSON.stringify(config));
  const variables = { ...VARIABLES, ...setup.variables };
  const audit = setup.audit ?? openAuditFile(join(directory, AUDIT), systemClock);
  const context = {
    ...{ configDir: directory, workspace: directory, variables, log },
    ...(audit && { audit }),
    ...(setup.sawCertificate && { sawCertificate: setup.sawCertificate }),
  };
  // No jitter: a retry follows at once.
  return await openProxmox(context, { clock: setup.clock ?? systemClock, random: () => 0 });
}

/** The official client on a channel of its own, closed with the test. */
export async function clientOf(connect: ConnectServer): Promise<Client> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  await connect(far as ServerTransport);
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(near);
  // With the list the client checks every structured answer against its output schema.
  await client.listTools();
  onTestFinished(() => client.close());
  return client;
}

export const connected = async (port: number, setup?: Setup) => clientOf(await open(port, setup));

export async function call(client: Client, name: string, args: object = {}): Promise<CallToolResult> {
  const result = await client.callTool({ name, arguments: { ...args } });
  // As a wire carries it: the pair of transports hands over the object itself.
  return JSON.parse(JSON.stringify(result)) as CallToolResult;
}

export const textOf = (result: CallToolResult) =>
  result.content.map((one) => ('text' in one ? one.text : '')).join('\n');

/** The text of a call that fails, which holds no secret, nor does the log. */
export async function failureOf(client: Client, name = 'pve_list_resources', args: object = {}): Promise<string> {
  const result = await call(client, name, args);
  expect(result).toMatchObject({ isError: true });
  expect(JSON.stringify([result, logged])).not.toMatch(new RegExp(`${SECRET}|pass word|PVE:`));
  return textOf(result);
}

export const idsOf = (result: CallToolResult) =>
  (result.structuredContent as { resources: { id: string }[] }).resources.map((one) => one.id);

/** What a tool that changes something answers. */
export interface ChangeAnswer {
  readonly applied: boolean;
  readonly changes: readonly Readonly<Record<string, unknown>>[];
  readonly notes: readonly string[];
  readonly plan_token?: string;
}

/** A call that changes something: planned first, if it says so, and then applied. */
export async function apply(client: Client, name: string, args: object): Promise<CallToolResult> {
  const first = await call(client, name, args);
  const { plan_token } = (first.structuredContent ?? {}) as unknown as ChangeAnswer;
  return plan_token === undefined ? first : call(client, name, { ...args, plan_token });
}

export const changesOf = (result: CallToolResult) => result.structuredContent as unknown as ChangeAnswer;
