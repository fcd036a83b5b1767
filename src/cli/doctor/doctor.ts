import { counted } from '../../core/words.ts';
import type { CliIo } from '../io.ts';
import { jsonOutput } from '../json-output.ts';
import { withProgress } from '../progress.ts';
import { paintFor } from '../screen.ts';
import { oneLine } from '../text.ts';
import { checkConfiguration } from './configuration.ts';
import { checkEngine } from './engine.ts';
import type { Finding } from './finding.ts';
import { checkMachine } from './machine.ts';
import { checkManager } from './manager.ts';
import { checkSession } from './session.ts';

const MARK = { ok: 'ok', warning: 'warning', problem: 'PROBLEM', skipped: 'skipped' } as const;
const STYLE = { ok: 'green', warning: 'yellow', problem: 'red', skipped: 'dim' } as const;
const WIDTH = Math.max(...Object.values(MARK).map((mark) => mark.length));

/** Looks at everything that a session needs, and says what to do; exit code 1 if there is a problem. Changes nothing. */
export async function doctor(io: CliIo, { json }: { readonly json?: boolean }): Promise<number> {
  const checks = [checkMachine, checkConfiguration, checkManager, checkEngine, checkSession];
  const found = await withProgress(io, 'looking', Promise.all(checks.map((check) => check(io))));
  const findings = found.flat();
  const [bad, doubtful] = (['problem', 'warning'] as const).map(
    (wanted) => findings.filter(({ status }) => status === wanted).length,
  ) as [number, number];
  if (json) io.stdout.write(jsonOutput('doctor', { healthy: bad === 0, findings }));
  else io.stdout.write(findings.map((finding) => line(io, finding)).join('') + conclusion(bad, doubtful));
  return bad === 0 ? 0 : 1;
}

function line(io: CliIo, { check, status, text, remedy }: Finding): string {
  const paint = paintFor(io.stdout, io.env);
  const mark = paint(STYLE[status], MARK[status].padEnd(WIDTH));
  const what = remedy ? `${oneLine(text)}. ${paint('bold', 'To do:')} ${oneLine(remedy)}` : oneLine(text);
  return `${mark}  ${check}: ${what}\n`;
}

function conclusion(problems: number, warnings: number): string {
  const found = [
    ...(problems > 0 ? [counted(problems, 'problem')] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
  ];
  return found.length === 0 ? 'nothing is wrong\n' : `${found.join(', ')}: see "To do"\n`;
}
