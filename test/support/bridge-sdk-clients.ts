import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as TransportV2 } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { onTestFinished } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin', import.meta.url));

/** Where the bridge runs, and whom it finds there. */
export interface BridgePlace {
  /** The terminal's name. */
  readonly name: string;
  readonly workspace: string;
  readonly env: Readonly<Record<string, string>>;
}

/** How the bridge to `counting` is started there. */
export function bridgeCommand({ name, workspace, env }: BridgePlace) {
  return {
    command: 'mcp-session-manager',
    args: ['connect', 'counting', '--workspace', workspace],
    env: { ...env, PATH: `${BIN}${delimiter}${process.env.PATH}`, MCP_SESSION_ID: name },
    cwd: workspace,
  };
}

/** The official SDK's client (v1) through the bridge; it goes with the test. */
export async function legacyClient(place: BridgePlace): Promise<ClientV1> {
  const client = new ClientV1({ name: 'test', version: '1.0.0' });
  await client.connect(new TransportV1({ ...bridgeCommand(place), stderr: 'ignore' }));
  onTestFinished(() => client.close());
  return client;
}

/** The official SDK's client (v2) through the bridge, in the newest revision that it finds; it goes with the test. */
export async function modernClient(place: BridgePlace): Promise<ClientV2> {
  const client = new ClientV2(
    { name: 'test', version: '1.0.0' },
    { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode: 'auto' } },
  );
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { colour: 'green' } }));
  await client.connect(new TransportV2({ ...bridgeCommand(place), stderr: 'ignore' }));
  onTestFinished(() => client.close());
  return client;
}
