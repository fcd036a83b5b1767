import { chmodSync, mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { dirname } from 'node:path';
import { loadKey } from '../config/keys.ts';
import { ownDirectory } from '../config/own-file.ts';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { AppError, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { AddressGuard } from '../egress/address-guard.ts';
import { Dialer } from '../egress/dialer.ts';
import { egressMetrics } from '../egress/metrics.ts';
import { EgressProxy } from '../egress/proxy.ts';
import { EgressGrants } from '../sessions/egress-grants.ts';
import { drain, listen } from './listen.ts';
import { type Running, runRole } from './run.ts';

/** How long a request's head may take to come, milliseconds. */
const HEAD_MS = 10_000;
/** Instances find the socket, and cannot put another one in its place. */
const DIRECTORY_MODE = 0o2750;

/**
 * The role `egress`: the proxy by which instances without a network reach the hosts of their configuration, until SIGTERM
 * or SIGINT.
 *
 *     egress [--config FILE]
 *
 * @returns the exit code: 0 ended as asked, 1 could not start (one message on stderr says why and what to do)
 */
export function egress(argv: string[]): Promise<number> {
  const greeting = (url: string) => `mcp-session-manager egress is ready: ${url}`;
  return runRole({ name: 'egress', start: startEgress, greeting }, argv);
}

async function startEgress(config: Config, log: Logger): Promise<Running> {
  await using held = new AsyncDisposableStack();
  const proxy = proxyOf(config, log);
  const status = statusOf(proxy);
  const url = await listen(status, config.http.host, config.http.port);
  held.defer(() => drain(status, 0, systemClock));
  makeDirectory(dirname(config.egress.socket));
  await proxy.listen(config.egress.socket);
  held.defer(() => proxy.close(config.drainMs));
  log.info({ url }, 'ready');
  const all = held.move();
  return { url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function proxyOf({ state, secrets, egress: limits }: Config, log: Logger): EgressProxy {
  if (!secrets.key) ownDirectory(state);
  const grants = new EgressGrants(loadKey(state, secrets.key), systemClock);
  return new EgressProxy({
    verify: (grant, secret) => grants.verify(grant, secret),
    dialer: new Dialer({ guard: new AddressGuard(limits), clock: systemClock }),
    clock: systemClock,
    log,
    connections: limits.connections,
    idleMs: limits.idleMs,
    headMs: HEAD_MS,
  });
}

function makeDirectory(path: string): void {
  try {
    if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, DIRECTORY_MODE);
  } catch (cause) {
    const message = `The directory of the egress proxy's socket cannot be made: ${messageOf(cause)}: make it, or set MCP_SESSION_MANAGER_EGRESS_SOCKET`;
    throw new AppError('config.invalid', message, { cause });
  }
}

/** Probes and metrics, on a port that no instance reaches. */
function statusOf(proxy: EgressProxy): Server {
  return createServer(async (request, response) => {
    if (request.url === '/metrics') {
      const metrics = egressMetrics(proxy.tally);
      response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.metrics());
    } else if (request.url === '/livez') response.end('ok\n');
    else if (request.url === '/readyz') response.writeHead(proxy.listening ? 200 : 503).end();
    else response.writeHead(404).end();
  });
}
