import { fileURLToPath } from 'node:url';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { textOf, transport } from '../support/mcp-clients.ts';
import type { Replicas } from '../support/replicas.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const INFO = { name: 'matrix', version: '1' };

/** A client in use: it has called a tool before, and goes on calling. */
export interface MatrixClient {
  /** The session that it uses. */
  readonly session: string;
  call(tool: string, args: object): Promise<string>;
  close(): Promise<void>;
}

/** Opens a client on a session of its own, by way of `url`. */
export type OpenMatrixClient = (replicas: Replicas, url: string) => Promise<MatrixClient>;

interface Call {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

/** What it waits for an answer, milliseconds; a minute, if nobody says. */
const PATIENCE_MS = 15_000;

const using = (
  client: { close(): Promise<void> },
  session: string,
  call: (call: Call) => Promise<object>,
): MatrixClient => ({
  session,
  call: async (name, args) => textOf(await call({ name, arguments: { ...args } })),
  close: () => client.close(),
});
const usingV1 = (client: Client, session: string): MatrixClient =>
  using(client, session, (call) => client.callTool(call, undefined, { timeout: PATIENCE_MS }));

const bearing = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

async function legacySse(replicas: Replicas, url: string): Promise<MatrixClient> {
  const { session, token } = await replicas.open();
  const client = new Client(INFO);
  await client.connect(new SSEClientTransport(new URL(`${url}/sse/counting`), { requestInit: bearing(token) }));
  return usingV1(client, session.id);
}

async function streamable(replicas: Replicas, url: string): Promise<MatrixClient> {
  const { session, token } = await replicas.open();
  const client = new Client(INFO);
  await client.connect(transport(`${url}/mcp/counting`, token) as never);
  return usingV1(client, session.id);
}

async function modern(replicas: Replicas, url: string): Promise<MatrixClient> {
  const { session, token } = await replicas.open();
  const client = new ClientV2(INFO, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new TransportV2(new URL(`${url}/mcp/counting`), { requestInit: bearing(token) }));
  return using(client, session.id, (call) => client.callTool(call, { timeout: PATIENCE_MS }));
}

let terminals = 0;
/** As a client's configuration has it: a program that finds or makes its terminal's session by itself. */
async function bridge(replicas: Replicas, url: string): Promise<MatrixClient> {
  terminals += 1;
  const name = `bridge_${terminals}`;
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: replicas.root,
    MCP_SESSION_MANAGER_STATE: replicas.state,
    MCP_SESSION_MANAGER_URL: url,
    MCP_SESSION_ID: name,
  };
  const client = new Client(INFO);
  const args = [MAIN, 'connect', 'counting'];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env, cwd: replicas.workspace }));
  await client.listTools();
  const { sessions } = await replicas.api<{ sessions: { id: string; terminal: { name: string } }[] }>(
    0,
    'GET',
    '/api/sessions',
  );
  const session = sessions.find(({ terminal }) => terminal.name === name);
  if (!session) throw new Error('the bridge has made no session');
  return usingV1(client, session.id);
}

/** Whoever is named in the table. */
export const MATRIX_CLIENTS = {
  'SDK v1, HTTP+SSE': legacySse,
  'SDK v1, Streamable HTTP': streamable,
  'SDK v2, newest revision first': modern,
  'the bridge': bridge,
} as const satisfies Readonly<Record<string, OpenMatrixClient>>;

export type MatrixClientName = keyof typeof MATRIX_CLIENTS;
