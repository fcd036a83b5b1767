import type { RpcMessage } from '../core/json-rpc.ts';
import type { ConnectServer, ServerTransport } from '../core/server-module.ts';
import type { ServerEvents, ServerHandle } from './server-handle.ts';

/** A server that runs in this process (core/server-module.ts). It can neither exit by itself nor be slowed down. */
export async function startModuleServer(connect: ConnectServer, events: ServerEvents): Promise<ServerHandle> {
  let open = true;
  const transport: ServerTransport = {
    start: async () => {},
    send: async (message, options) => {
      if (!open) return;
      events.onMessage(message as RpcMessage, Buffer.from(JSON.stringify(message)), options?.relatedRequestId);
    },
    close: async () => {
      if (!open) return;
      open = false;
      transport.onclose?.();
    },
  };
  await connect(transport);
  return {
    send: (payload) => transport.onmessage?.(JSON.parse(payload.toString()) as never),
    pause: () => {},
    resume: () => {},
    close: () => transport.close(),
  };
}
