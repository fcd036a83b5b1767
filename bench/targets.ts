import { fileURLToPath } from 'node:url';
import { end, firstLine, freePort, listening, start, startNode } from './children.ts';
import type { Conversation } from './conversation.ts';
import { HttpClient } from './http-client.ts';
import type { Manager } from './manager.ts';
import { treeOf } from './procfs.ts';
import { StdioConversation } from './stdio-client.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const MCP_PROXY = path('../node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs');
const ECHO_STDIO = path('servers/echo-stdio.ts');

/** Connections where each costs next to nothing; a server on stdio has one, so that the same one process is behind each relay. */
export const CONNECTIONS = 32;

/** One way to the echo server. */
export interface Target {
  readonly name: TargetName;
  /** The process that stands in front. */
  readonly pid: number;
  /** All processes that work for it. */
  readonly tree: readonly number[];
  readonly conversations: readonly Conversation[];
}

/** The ways in the order in which they are measured. `raw`: the server without SDK; `stdio`: the SDK's, on stdio. */
export const TARGETS = [
  'raw, asked directly',
  'bare relay > raw',
  'bare relay + GETEX > raw',
  'gateway > host with raw in it',
  'stdio, asked directly',
  'gateway > host > stdio',
  'mcp-proxy > stdio',
] as const;
export type TargetName = (typeof TARGETS)[number];

/** Starts all of them. @param held gets what has to be ended */
export async function startTargets(manager: Manager, held: AsyncDisposableStack): Promise<Target[]> {
  const redis = await startRedis(held);
  const raw = await startServer(['servers/raw-upstream.ts'], held);
  const relay = await startServer(['servers/bare-relay.ts', raw.origin], held);
  const looking = await startServer(['servers/bare-relay.ts', raw.origin, redis], held);
  const { token } = await manager.open(['module', 'stdio']);
  const own = (server: string, connections: number) =>
    connected(manager.endpoint(server), connections, held, token).then((conversations) => ({
      pid: manager.pid,
      tree: manager.pids,
      conversations,
    }));
  const http = async ({ pid, origin }: Started) => ({
    pid,
    tree: [pid],
    conversations: await connected(`${origin}/mcp`, CONNECTIONS, held),
  });
  const found = [
    await http(raw),
    await http(relay),
    await http(looking),
    await own('module', CONNECTIONS),
    await startStdio(held),
    await own('stdio', 1),
    await startMcpProxy(held),
  ];
  return found.map((target, index) => ({ name: TARGETS[index] as TargetName, ...target }));
}

interface Started {
  readonly pid: number;
  readonly origin: string;
}

async function startServer([file = '', ...args]: string[], held: AsyncDisposableStack): Promise<Started> {
  const child = startNode([path(file), ...args]);
  held.defer(() => end(child));
  return { pid: child.pid as number, origin: `http://127.0.0.1:${await firstLine(child)}` };
}

/** A Redis server of its own, without a file; ended at disposal. @returns its URL */
export async function startRedis(held: AsyncDisposableStack): Promise<string> {
  const port = await freePort();
  const redis = start([
    'redis-server',
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ]);
  redis.stdout.resume();
  held.defer(() => end(redis));
  await listening(port);
  return `redis://127.0.0.1:${port}`;
}

async function startStdio(held: AsyncDisposableStack): Promise<Omit<Target, 'name'>> {
  const child = startNode([ECHO_STDIO]);
  held.defer(() => end(child));
  const pid = child.pid as number;
  return { pid, tree: [pid], conversations: [await StdioConversation.open(child)] };
}

async function startMcpProxy(held: AsyncDisposableStack): Promise<Omit<Target, 'name'>> {
  const port = await freePort();
  const options = ['--host', '127.0.0.1', '--port', String(port), '--server', 'stream'];
  const child = startNode([MCP_PROXY, ...options, '--', process.execPath, ECHO_STDIO]);
  child.stdout.resume();
  held.defer(() => end(child));
  await listening(port);
  const conversations = await connected(`http://127.0.0.1:${port}/mcp`, 1, held);
  return { pid: child.pid as number, tree: treeOf(child.pid as number), conversations };
}

async function connected(url: string, connections: number, held: AsyncDisposableStack, token?: string) {
  const client = held.use(new HttpClient(url, token));
  const conversations: Conversation[] = [];
  while (conversations.length < connections) conversations.push(await client.open());
  return conversations;
}
