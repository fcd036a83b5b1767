import type { Config } from '../config.ts';
import type { Clock } from '../core/clock.ts';
import type { Metrics } from '../telemetry/metrics/metrics.ts';
import { drain, httpServer, listen } from './listen.ts';

/** An answer that is being written may end, milliseconds. */
const DRAIN_MS = 1000;

/**
 * Shows the metrics of this process at `GET /metrics`, on a port of their own that clients do not reach; nothing if the
 * configuration has no port for them.
 * @param held gets what has to be disposed of
 * @returns what the log says of it
 * @throws AppError `config.invalid` for an address that cannot be listened on
 */
export async function showMetrics(
  metrics: Metrics,
  { host, port }: Config['metrics'],
  clock: Clock,
  held: AsyncDisposableStack,
): Promise<{ readonly metrics?: string }> {
  if (port === 0) return {};
  metrics.addDefaults();
  const server = httpServer(async (request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.show());
  });
  const url = await listen(server, host, port, 'METRICS_');
  held.defer(() => drain(server, DRAIN_MS, clock));
  return { metrics: `${url}/metrics` };
}
