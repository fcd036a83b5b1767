import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OpenedSession } from '../../src/core/api.ts';
import { TestManager } from '../support/manager.ts';
import { Replicas } from '../support/replicas.ts';
import { UnstickyBalancer } from './balancer.ts';

const FIXTURE = fileURLToPath(new URL('fixture/server.ts', import.meta.url));
const SERVER = 'everything';
const REPLICAS = 3;

/** The program with one session, whose server is the fixture. Disposal ends it and everything that it left. */
export interface Deployment extends AsyncDisposable {
  /** The fixture, through the gateway: unprefixed, with the session's token in the path, since the suite sends no header. */
  readonly url: string;
  /** How many gateways the balancer has to pass requests to; 0: there is no balancer. */
  readonly replicas: number;
  /** How many requests each of them has answered, by name; one that has answered none is left out. */
  served(): Promise<Readonly<Record<string, number>>>;
}

/** Ways to run the program, by name. */
export const DEPLOYMENTS = { single, replicas } as const;
export type DeploymentName = keyof typeof DEPLOYMENTS;

/** `npm start`: everything in one process. */
async function single(): Promise<Deployment> {
  await using held = new AsyncDisposableStack();
  const manager = held.use(await TestManager.start({ env: settings(held) }));
  const url = urlOf(manager.url, await manager.open({ servers: [SERVER] }));
  return deployment(held.move(), { url, replicas: 0, served: async () => ({}) });
}

/** Three gateways, a controller and Redis, behind the balancer with its stickiness off. */
async function replicas(): Promise<Deployment> {
  await using held = new AsyncDisposableStack();
  const programs = held.use(await Replicas.start(REPLICAS, 1, settings(held)));
  const balancer = held.use(await UnstickyBalancer.start(programs.gateways.map(({ url }) => url)));
  const url = urlOf(balancer.url, await programs.open(0, { servers: [SERVER] }));
  return deployment(held.move(), { url, replicas: REPLICAS, served: () => balancer.served() });
}

function deployment(held: AsyncDisposableStack, parts: Omit<Deployment, typeof Symbol.asyncDispose>): Deployment {
  return { ...parts, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

const urlOf = (base: string, { token }: OpenedSession) => `${base}/t/${token}/mcp/${SERVER}`;

/** A catalogue with the fixture, and the token in the path. */
function settings(held: AsyncDisposableStack): NodeJS.ProcessEnv {
  const directory = mkdtempSync(join(tmpdir(), 'catalogue-'));
  held.defer(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'catalogue.json');
  const fixture = { command: 'node', args: [FIXTURE], clientRoots: true };
  writeFileSync(file, JSON.stringify({ mcpServers: { filesystem: null, proxmox: null, [SERVER]: fixture } }));
  return { MCP_SESSION_MANAGER_CATALOGUE: file, MCP_SESSION_MANAGER_TOKEN_IN_PATH: 'true' };
}
