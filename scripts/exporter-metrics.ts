/**
 * Writes test/support/exporter-metrics.json: the metrics that exporters of others really show, each with its labels.
 *
 *     node scripts/exporter-metrics.ts URL...
 *
 * with the URLs of HAProxy (docker/haproxy.cfg) and of redis_exporter at a Redis and at a replica of it.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(new URL('../test/support/exporter-metrics.json', import.meta.url));

/** Names of series and of their labels, of the families `haproxy_` and `redis_`, in a page in Prometheus's text format. */
export function seriesOf(page: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const line of page.split('\n')) {
    const [, name, labels = ''] = /^((?:haproxy|redis)_\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    if (!name) continue;
    const known = found.get(name) ?? new Set();
    for (const [, label] of labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) known.add(label as string);
    found.set(name, known);
  }
  return found;
}

async function main(urls: readonly string[]): Promise<void> {
  const all = new Map<string, Set<string>>();
  for (const url of urls) {
    const page = await (await fetch(url)).text();
    for (const [name, labels] of seriesOf(page)) all.set(name, new Set([...labels, ...(all.get(name) ?? [])]));
  }
  const sorted = [...all].sort(([a], [b]) => a.localeCompare(b));
  const content = Object.fromEntries(sorted.map(([name, labels]) => [name, [...labels].sort().join(' ')]));
  await writeFile(FILE, `${JSON.stringify(content, null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
