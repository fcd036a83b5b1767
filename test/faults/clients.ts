import { Client as ClientV2, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { connect } from '../support/mcp-clients.ts';
import type { CallingClient } from './calls.ts';

/** The official clients, in each revision that they speak. Each is connected once, and never again. */
export const CLIENTS = {
  v1: async (base, token) => callingV1(await connect(`${base}/mcp/ledger`, token)),
  v2: (base, token) => connectV2(base, token, 'legacy'),
  /** 2024-11-05: HTTP+SSE. */
  sse: async (base, token) => {
    const client = new Client({ name: 'test', version: '1.0.0' });
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await client.connect(new SSEClientTransport(new URL(`${base}/sse/ledger`), { requestInit }));
    return { ...callingV1(client), dropsProgress: true };
  },
  /** 2026-07-28. */
  modern: (base, token) => connectV2(base, token, 'auto'),
} as const satisfies Record<string, (base: string, token: string) => Promise<CallingClient>>;

/**
 * What a client is told where its connection is cut after the answer has begun, which nobody can mend: a stream of 2026-07-28
 * cannot be resumed, and the SDK's client does not notice its end.
 */
export const CUT_OFF: Partial<Record<ClientKind, RegExp>> = { modern: /Request timed out/ };

export type ClientKind = keyof typeof CLIENTS;

function callingV1(client: Client): CallingClient {
  return {
    call: (name, args, onProgress) =>
      client.callTool({ name, arguments: args }, undefined, {
        ...(onProgress ? { onprogress: told(onProgress) } : {}),
      }),
    close: () => client.close(),
  };
}

async function connectV2(base: string, token: string, mode: 'legacy' | 'auto'): Promise<CallingClient> {
  const client = new ClientV2({ name: 'test', version: '2.0.0' }, { versionNegotiation: { mode } });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${base}/mcp/ledger`), { requestInit }));
  return {
    call: (name, args, onProgress) =>
      client.callTool({ name, arguments: args }, { ...(onProgress ? { onprogress: told(onProgress) } : {}) }),
    close: () => client.close(),
  };
}

const told =
  (onProgress: (progress: number) => void) =>
  ({ progress }: { readonly progress: number }) =>
    onProgress(progress);
