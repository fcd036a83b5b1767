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
import { EgressProxy } from '../egress/proxy.ts';
import { EgressGrants } from '../sessions/egress-grants.ts';
import { Metrics } from '../telemetry/metrics/metrics.ts';
import { measureEgress } from './egress-metrics.ts';
import { drain, listen } from './listen.ts';
import { showMetrics } from './metrics-endpoint.ts';
import { programVersion } from './program-version.ts';
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
 * @param main path of the program's main file
 * @returns the exit code: 0 ended as asked, 1 could not start (one message on stderr says why and what to do)
 */
export function egress(argv: string[], main: string): Promise<number> {
  const greeting = (url: string) => `mcp-session-manager egress is ready: ${url}`;
  const start = (config: Config, log: Logger) => startEgress(config, main, log);
  return runRole({ name: 'egress', start, greeting }, argv);
}

async function startEgress(config: Config, main: string, log: Logger): Promise<Running> {
  await using held = new AsyncDisposableStack();
  const proxy = proxyOf(config, log);
  const status = statusOf(proxy);
  const url = await listen(status, config.http.host, config.http.port);
  held.defer(() => drain(status, 0, systemClock));
  const version = programVersion(dirname(dirname(main)));
  const metrics = new Metrics({ role: 'egress', version, servers: [], tools: [] });
  measureEgress(metrics, proxy.tally);
  const shown = await showMetrics(metrics, config.metrics, systemClock, held);
  makeDirectory(dirname(config.egress.socket));
  await proxy.listen(config.egress.socket);
  held.defer(() => proxy.close(config.drainMs));
  log.info({ url, ...shown, version }, 'ready');
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

/** Probes, on a port that no instance reaches. */
function statusOf(proxy: EgressProxy): Server {
  return createServer((request, response) => {
    if (request.url === '/livez') response.end('ok\n');
    else if (request.url === '/readyz') response.writeHead(proxy.listening ? 200 : 503).end();
    else response.writeHead(404).end();
  });
}
