/** What an echo server is asked. */
export interface EchoRequest {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: {
    readonly protocolVersion?: string;
    readonly arguments?: { readonly text?: string };
  };
}

const TOOLS = [
  { name: 'echo', inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] } },
];

/**
 * A server with the one tool `echo`, without the SDK: so cheap that what stands in front of it is what is measured.
 * @returns the answer to one message; undefined: it needs none
 */
export function answer({ id, method, params }: EchoRequest): object | undefined {
  if (id === undefined || method === undefined) return undefined;
  const result = resultOf(method, params);
  if (result) return { jsonrpc: '2.0', id, result };
  return { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } };
}

function resultOf(method: string, params: EchoRequest['params']): object | undefined {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: params?.protocolVersion ?? '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'bench-echo', version: '1.0.0' },
      };
    case 'tools/list':
      return { tools: TOOLS };
    case 'tools/call':
      return { content: [{ type: 'text', text: params?.arguments?.text ?? '' }] };
    case 'ping':
      return {};
    default:
      return undefined;
  }
}
