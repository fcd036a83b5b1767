/**
 * The fault suite: does to a deployment of compose.yaml, under steady calls of many clients, whatever it promises to survive,
 * and prints what it cost, one row for each fault (docs/reliability.md).
 *
 *     npm run test:faults [-- --terminals 60] [--only WORDS] [--clients v1,v2]
 *     npm run test:faults -- --alerts [--terminals 12]     # what the alerts make of it, with Prometheus in the deployment
 *
 * Clients: v1 and v2, the official SDKs' over Streamable HTTP of 2025-11-25; sse, 2024-11-05; modern, 2026-07-28.
 *
 * Ends by itself, with 1 if anything was wrong, and leaves nothing behind.
 */
import { parseArgs } from 'node:util';
import { ALARMS, alarmHead, alarmRow, judge } from './alarms.ts';
import { AlertWatch } from './alert-watch.ts';
import { CLIENTS, type ClientKind } from './clients.ts';
import { FAULTS, type Fault } from './faults.ts';
import { tableHead, tableRow } from './outcome.ts';
import { Suite } from './suite.ts';

const { values } = parseArgs({
  options: {
    terminals: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    clients: { type: 'string', default: 'v1,v2' },
    alerts: { type: 'boolean', default: false },
  },
});
const kinds = values.clients.split(',').map((kind) => {
  if (Object.hasOwn(CLIENTS, kind)) return kind as ClientKind;
  throw new Error(`no client "${kind}"; there are: ${Object.keys(CLIENTS).join(', ')}`);
});
const say = (line: string) => process.stdout.write(`${line}\n`);
const isWanted = ({ name }: Fault) => name.toLowerCase().includes(values.only.toLowerCase());
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    interrupted = true;
    say(`${signal}: ends after this fault`);
  });

const wrong: string[] = [];
{
  await using suite = await Suite.start(Number(values.terminals), kinds);
  if (values.alerts) await alarm(suite);
  else await suffer(suite);
  const left = await suite.end();
  if (left > 0) wrong.push(`containers left when all sessions had ended: ${left}`);
}
for (const what of wrong) say(`wrong: ${what}`);
say(wrong.length === 0 ? 'All is as docs/reliability.md says.' : `${wrong.length} things are wrong.`);
process.exitCode = wrong.length === 0 ? 0 : 1;

async function suffer(suite: Suite): Promise<void> {
  say(tableHead());
  const calm = await suite.calm();
  say(tableRow(calm));
  wrong.push(...calm.wrong.map((what) => `no fault: ${what}`));
  for (const fault of FAULTS.filter(isWanted)) {
    if (interrupted) break;
    const outcome = await suite.suffer(fault);
    if ('skipped' in outcome) say(`| ${fault.name} | not done here: ${outcome.skipped} |`);
    else {
      say(tableRow(outcome));
      wrong.push(...outcome.wrong.map((what) => `${fault.name}: ${what}`));
    }
  }
}

async function alarm(suite: Suite): Promise<void> {
  const watch = await AlertWatch.start(suite.stack);
  say(alarmHead());
  await suite.calm();
  const began = Date.now();
  const calm = judge({ raises: [] }, await watch.settled(began));
  say(alarmRow('none', calm));
  wrong.push(...calm.wrong.map((what) => `no fault: ${what}`));
  for (const alarm of ALARMS.filter(({ fault }) => isWanted(fault))) {
    if (interrupted) break;
    const since = Date.now();
    await suite.suffer(alarm.fault);
    const judged = judge(alarm, await watch.settled(since));
    say(alarmRow(alarm.fault.name, judged));
    wrong.push(...judged.wrong.map((what) => `${alarm.fault.name}: ${what}`));
  }
}
