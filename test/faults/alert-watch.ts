import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { eventually } from '../support/eventually.ts';
import { docker } from './docker.ts';
import { quickRules } from './quick-rules.ts';
import type { Stack } from './stack.ts';

const CONFIGURATION = fileURLToPath(new URL('../../grafana/prometheus/prometheus.yml', import.meta.url));
const OVERRIDE = fileURLToPath(new URL('monitoring.yaml', import.meta.url));
const PROMETHEUS = 'http://localhost:9090';
/** The alerts' clock runs so many times as fast as the deployment's: a fault of a minute is one of five minutes to them. */
export const SPEED = 5;
const SCRAPE_S = 15;
/**
 * Nothing fires any more: at least so long after the end of a fault, and at most; milliseconds. A page of the availability's burn
 * ends by a window of six minutes of this clock; the next fault is not to be blamed for it.
 */
const SETTLE_MS = 80_000;
const QUIET_MS = 600_000;
const LOOK_MS = 3000;
/** Of the profile `monitoring`. */
const SERVICES = ['prometheus', 'redis-exporter'];

/** An alert that fired. */
export interface Fired {
  readonly name: string;
  readonly severity: string;
}

interface Series {
  readonly metric: { readonly alertname: string; readonly severity: string };
}

/** Prometheus in the deployment, with the delivered rules for a quick clock. */
export class AlertWatch {
  readonly #container: string;

  private constructor(container: string) {
    this.#container = container;
  }

  /** Resolves when it has seen a gateway. */
  static async start(stack: Stack): Promise<AlertWatch> {
    const directory = stack.quick;
    mkdirSync(directory, { mode: 0o755 });
    writeFileSync(join(directory, 'rules.yml'), quickRules(SPEED));
    const delivered = parse(readFileSync(CONFIGURATION, 'utf8')) as { readonly scrape_configs: readonly object[] };
    const interval = `${SCRAPE_S / SPEED}s`;
    const global = { scrape_interval: interval, scrape_timeout: interval };
    writeFileSync(join(directory, 'prometheus.yml'), stringify({ ...delivered, global, rule_files: ['rules.yml'] }));
    await stack.monitor(OVERRIDE, SERVICES);
    const [container] = await stack.replicas('prometheus');
    if (!container) throw new Error('there is no prometheus');
    const watch = new AlertWatch(container);
    await eventually(
      'Prometheus sees gateways',
      async () => (await watch.#query('instant', 'up{job="gateway"} == 1')).length > 0,
    );
    return watch;
  }

  /** All that fired from `since` on, milliseconds since the epoch, once nothing has fired for a while. */
  async settled(since: number): Promise<Fired[]> {
    const end = Date.now();
    const quiet = async () =>
      Date.now() - end >= SETTLE_MS && (await this.#query('instant', 'ALERTS{alertstate="firing"}')).length === 0;
    await eventually('no alert fires', quiet, QUIET_MS).catch(() => {}); // what goes on firing is told as well
    const range = [
      `--start=${Math.floor(since / 1000)}`,
      `--end=${Math.floor(Date.now() / 1000)}`,
      `--step=${LOOK_MS}ms`,
    ];
    const series = await this.#query('range', 'ALERTS{alertstate="firing"}', range);
    const fired = new Map(series.map(({ metric }) => [metric.alertname, metric.severity]));
    return [...fired].map(([name, severity]) => ({ name, severity }));
  }

  async #query(kind: 'instant' | 'range', expression: string, options: readonly string[] = []): Promise<Series[]> {
    const command = ['promtool', 'query', kind, '--format=json', ...options, PROMETHEUS, expression];
    return JSON.parse(await docker(['exec', this.#container, ...command])) as Series[];
  }
}
