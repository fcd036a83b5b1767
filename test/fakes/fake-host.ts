/**
 * A host for tests of runtimes: claims its pid file and listens, as a real one does, and behaves well or badly.
 * `fake-host.ts BEHAVIOUR --socket ... --config-dir ... --labels ... [--pid-file ...] [--log ...] [--socket-mode ...]
 * [--ledger ...] [--audit ...]`, or with `--port` in place of the socket; it says what is in the ledger and in the audit file, and writes its incarnation into both
 * for whoever connects.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/core/clock.ts';
import { parseLabels } from '../../src/core/pid-file.ts';
import { openAuditFile } from '../../src/host/audit-file.ts';
import { openLedgerFile } from '../../src/host/ledger-file.ts';
import { openProcessTable } from '../../src/os/open-process-table.ts';
import { claimPidFile } from '../../src/os/pid-file.ts';

export type HostBehaviour =
  | 'good'
  /** Listens late. */
  | 'slow'
  /** Never listens. */
  | 'deaf'
  /** Ends at once and says why. */
  | 'failing'
  /** Ignores SIGTERM. */
  | 'stubborn'
  /** Has a child that ignores SIGTERM. */
  | 'stubborn-child'
  /** Has a grandchild that has left its tree, its session and its process group. */
  | 'runaway'
  /** Takes all the memory that it gets, once somebody has connected. */
  | 'hungry';

const text = { type: 'string', default: '' } as const;
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ socket: text, 'pid-file': text, log: text, 'config-dir': text, labels: text },
    ...{ 'socket-mode': text, ledger: text, audit: text, port: text, 'link-key': text },
  },
});
const behaviour = positionals[0] as HostBehaviour;
const eaten: Buffer[] = [];
let noted: Promise<void> | undefined;

const labels = parseLabels(values.labels);
if (!labels) throw new Error(`no labels: ${values.labels}`);
if (values['pid-file']) claimPidFile(values['pid-file'], labels, openProcessTable());
process.stdout.write(`incarnation ${labels.incarnation}\nenvironment ${Object.keys(process.env).sort().join(' ')}\n`);
const ledger = openLedgerFile(values.ledger);
const audit = openAuditFile(values.audit, systemClock);
process.stdout.write(`ledger ${ledger?.read(10)}\naudit ${(await audit?.lines())?.join(',')}\n`);
process.stderr.write(`behaviour ${behaviour}\n`);

if (behaviour === 'stubborn') process.on('SIGTERM', () => {});
if (behaviour === 'stubborn-child') await said(shell("trap '' TERM; echo ready; exec sleep 1000", false));
if (behaviour === 'runaway') await said(shell('sleep 1000 <&- >&- 2>&- & echo ready', true));
if (behaviour === 'slow') await delay(300);
if (behaviour === 'failing') {
  process.stderr.write('the fake host has nothing to serve\n');
  process.exit(3);
}
// From its first moment on: who finds that it listens looks at the socket at once.
if (values['socket-mode']) process.umask(0o777 & ~Number.parseInt(values['socket-mode'], 8));
if (behaviour === 'deaf') setInterval(() => {}, 1000);
else
  createServer(async (socket) => {
    socket.on('error', () => {}).resume(); // who only looks whether it listens does not wait for more
    ledger?.write(Buffer.from(`${labels.incarnation}`), 0);
    noted ??= audit?.append(`${labels.incarnation}`);
    await noted;
    socket.write('noted');
    if (behaviour === 'hungry') setInterval(() => eaten.push(Buffer.alloc(16 << 20, 1)), 1);
  }).listen(values.port === '' ? values.socket : Number(values.port));

function shell(script: string, detached: boolean): ChildProcess {
  return spawn('sh', ['-c', script], { detached, stdio: ['ignore', 'pipe', 'inherit'] });
}

async function said(child: ChildProcess): Promise<void> {
  if (child.stdout) await once(child.stdout, 'data');
}
