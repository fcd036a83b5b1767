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

/** What carries a client's connection. */
export type Carrier = 'gateway' | 'balancer';

/**
 * What a client is told where what carries its connection dies or hangs after the answer has begun, which nobody can mend. A
 * stream of 2026-07-28 cannot be resumed, and the SDK's client does not notice its end. A client of HTTP+SSE does not say what
 * it has (SDK v1 takes `Last-Event-ID` out): what a gateway gave to the balancer, and nobody to the client, is lost.
 */
export const CUT_OFF: Readonly<Record<Carrier, Partial<Record<ClientKind, RegExp>>>> = {
  gateway: { modern: /Request timed out/ },
  balancer: { modern: /Request timed out/, sse: /Request timed out|^progress/ },
};

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
