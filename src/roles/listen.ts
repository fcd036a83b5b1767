import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { AppError, messageOf } from '../core/errors.ts';
import { portOwner } from './port-owner.ts';

/** Addresses that mean "all of this machine's", and the one by which this machine reaches itself. */
const ANY: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** How often an ending server looks for connections with nothing left to do, milliseconds. */
const LOOK_MS = 10;

/**
 * How long a connection stays open for its next request, milliseconds: longer than balancers keep theirs, so that they
 * close it, and not this side in the moment in which they send a request.
 */
const KEEP_ALIVE_MS = 65_000;

/** A request, its body included, has to be here in this time, milliseconds: whoever sends it byte by byte is cut off. */
const REQUEST_MS = 120_000;

/** A server that does not listen yet. */
export function httpServer(listener: RequestListener): Server {
  // The time for headers begins when a connection falls idle, in some versions of Node.
  const headersTimeout = KEEP_ALIVE_MS + 1000;
  return createServer({ keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout, requestTimeout: REQUEST_MS }, listener);
}

/**
 * Listens on an address.
 * @param prefix of the variables that have it: `MCP_SESSION_MANAGER_{prefix}PORT`
 * @returns the base URL by which this machine reaches the server
 * @throws AppError `config.invalid` that says what is wrong with the address, who has the port, and what to do
 */
export async function listen(server: Server, host: string, port: number, prefix = ''): Promise<string> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new AppError('config.invalid', reasonOf(error, host, port, prefix), { cause: error });
  }
  const { address, port: actual, family } = server.address() as AddressInfo;
  const reachable = ANY[address] ?? address;
  return `http://${family === 'IPv6' ? `[${reachable}]` : reachable}:${actual}`;
}

/** How long last words may take to reach their clients, milliseconds. */
const LAST_WORDS_MS = 1000;

/**
 * Ends a server: takes nothing new, gives what is being answered `graceMs` milliseconds, then closes everything.
 * @param cut called when that time is over: who is still waiting is to get an answer now
 */
export async function drain(server: Server, graceMs: number, clock: Clock, cut?: () => void): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  let late = clock.now() + graceMs;
  let last = cut;
  // A connection is kept after its last answer, for the next request, unless it is closed from here.
  for (let open = true; open; ) {
    if (clock.now() < late) server.closeIdleConnections();
    else if (last) {
      last();
      last = undefined;
      late = clock.now() + LAST_WORDS_MS;
    } else server.closeAllConnections();
    open = await Promise.race([closed.then(() => false), clock.sleep(LOOK_MS).then(() => true)]);
  }
}

function reasonOf(error: unknown, host: string, port: number, prefix: string): string {
  const another = `choose another one: MCP_SESSION_MANAGER_${prefix}PORT=${port === 65_535 ? 8900 : port + 1} npm start`;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE': {
      const owner = portOwner(port);
      const who = owner ? `process ${owner.pid} (${owner.program})` : 'another program';
      return `Port ${port} of ${host} is taken by ${who}: stop it, or ${another}`;
    }
    case 'EACCES':
      return `This user may not listen on port ${port}: ${another}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine: set MCP_SESSION_MANAGER_${prefix}HOST to one that is, such as 127.0.0.1`;
    default:
      return `The manager cannot listen on port ${port} of ${host}: ${messageOf(error)}`;
  }
}
