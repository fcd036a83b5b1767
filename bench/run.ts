/**
 * Measures what the program costs against what is to be reached (docs/performance.md). Needs Linux, two cores, taskset and
 * redis-server; takes about two minutes. Prints two tables, writes them to bench/results/, and exits with 1 if a bar is
 * missed.
 *
 *     npm run bench [-- --rounds N]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pinDriver } from './children.ts';
import { measureCold } from './cold.ts';
import { measureMemory } from './memory.ts';
import { barsOf, isReached, type Results, report } from './report.ts';
import { measureSpeed } from './speed.ts';

/** Starts of a session are short: as many of them for each round of the rest. */
const COLD_PER_ROUND = 4;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a number from 1');
pinDriver();
const results: Results = {
  when: new Date().toISOString(),
  node: process.versions.node,
  cold: await measureCold(rounds * COLD_PER_ROUND),
  memory: await measureMemory(),
  speeds: await measureSpeed(rounds),
};
const text = report(results);
process.stdout.write(`${text}\n`);
const directory = fileURLToPath(new URL('results/', import.meta.url));
mkdirSync(directory, { recursive: true });
writeFileSync(`${directory}latest.json`, `${JSON.stringify(results, undefined, 2)}\n`);
writeFileSync(`${directory}latest.md`, `${text}\n`);
process.exitCode = barsOf(results).every(isReached) ? 0 : 1;
