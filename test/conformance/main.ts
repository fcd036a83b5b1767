/**
 * Runs the official conformance suite of MCP through the gateway, and prints what it came to, one row for each run
 * (docs/conformance.md).
 *
 *     npm run conformance [-- --single | --replicas] [--suite NAME [--scenario NAME]] [--verbose]
 *
 * Ends by itself, with 1 if a required scenario failed, and leaves nothing behind.
 */
import { parseArgs } from 'node:util';
import { DEPLOYMENTS, type DeploymentName } from './deployments.ts';
import { notRequiredOf, tableHead, tableRow, warningsOf, wrongOf } from './run.ts';
import { runSuite } from './run-suite.ts';
import { SUITES } from './suites.ts';

const { values } = parseArgs({
  options: {
    single: { type: 'boolean', default: false },
    replicas: { type: 'boolean', default: false },
    suite: { type: 'string' },
    scenario: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
const suites = SUITES.filter(({ name }) => values.suite === undefined || name === values.suite);
if (suites.length === 0)
  throw new Error(`--suite ${values.suite}: there are ${SUITES.map(({ name }) => name).join(', ')}`);
if (values.scenario !== undefined && values.suite === undefined) throw new Error('--scenario needs --suite');
const chosen = (['single', 'replicas'] as const).filter((name) => values[name]);
const names: readonly DeploymentName[] = chosen.length > 0 ? chosen : ['single', 'replicas'];
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    interrupted = true;
    say(`${signal}: ends after this run`);
  });

const rows: string[] = [];
const wrong: string[] = [];
for (const name of names) {
  if (interrupted) break;
  await using deployment = await DEPLOYMENTS[name]();
  for (const suite of suites) {
    if (interrupted) break;
    const run = await runSuite(suite, deployment.url, {
      scenario: values.scenario,
      onOutput: (text) => {
        if (values.verbose) process.stdout.write(text);
      },
    });
    const where = `${suite.name}, ${name}`;
    rows.push(tableRow(run, name));
    wrong.push(...wrongOf(run).map((what) => `${where}: ${what}`));
    for (const what of warningsOf(run)) say(`warning: ${where}: ${what}`);
    const others = notRequiredOf(run);
    if (others.length > 0) say(`not required, not passed: ${where}: ${others.join(', ')}`);
  }
  const served = Object.entries(await deployment.served());
  for (const [replica, requests] of served) say(`${replica}: ${requests} requests`);
  if (values.scenario === undefined && served.length !== deployment.replicas)
    wrong.push(`${name}: ${served.length} of ${deployment.replicas} replicas have answered`);
}
say(tableHead());
for (const row of rows) say(row);
for (const what of wrong) say(`wrong: ${what}`);
say(wrong.length === 0 ? 'All that was run and is required passes.' : `${wrong.length} things are wrong.`);
process.exitCode = wrong.length === 0 && !interrupted ? 0 : 1;
