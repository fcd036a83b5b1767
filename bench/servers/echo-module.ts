import type { OpenServer } from '../../src/core/server-module.ts';
import { answer, type EchoRequest } from './echo.ts';

/** The echo server inside a host: what answers costs next to nothing there, so gateway and host are what is measured. */
export const openServer: OpenServer = async () => async (transport) => {
  transport.onmessage = (message: EchoRequest) => {
    const reply = answer(message);
    if (reply) void transport.send(reply);
  };
  await transport.start();
};
