import type { Call } from './calls.ts';
import { type ClientKind, CUT_OFF } from './clients.ts';
import type { Fault } from './faults.ts';
import type { Ledger, Terminal } from './terminal.ts';

/** What one fault cost. */
export interface Outcome {
  readonly fault: string;
  readonly calls: number;
  /** What clients were told -> how often. */
  readonly failed: ReadonlyMap<string, number>;
  readonly ranTwice: number;
  readonly lost: number;
  readonly longestMs: number;
  /** Containers of no session. */
  readonly leftOver: number;
  /** What must not be; empty: all is well. */
  readonly wrong: readonly string[];
}

/** What can be counted when a fault is over, besides the calls. */
export interface Aftermath {
  readonly lost: readonly string[];
  readonly leftOver: number;
  /** What else did not come to pass. */
  readonly problems: readonly string[];
}

/** Counts, and judges by what the fault may cost. */
export function outcomeOf(
  { name, mayFail, cuts }: Pick<Fault, 'name' | 'mayFail' | 'cuts'>,
  terminals: readonly Terminal[],
  { lost, leftOver, problems }: Aftermath,
): Outcome {
  const rows = terminals.map((terminal) => ({
    kind: terminal.kind,
    calls: terminal.takeCalls(),
    ledger: terminal.ledger,
  }));
  const isAllowed = (kind: ClientKind, error: string): boolean =>
    mayFail?.test(error) === true || (cuts !== undefined && CUT_OFF[cuts][kind]?.test(error) === true);
  const calls = rows.flatMap((row) => row.calls);
  const failed = Map.groupBy(
    calls.flatMap(({ error }) => error ?? []),
    (error) => error,
  );
  const twice = rows.flatMap((row) => row.calls.filter(({ id }) => (row.ledger.get(id) ?? 0) > 1));
  const unrun = rows.flatMap((row) => row.calls.filter(({ id, error }) => !error && !row.ledger.has(id)));
  const wrong = [
    ...rows.flatMap(({ kind, calls: own }) =>
      own.flatMap(({ error }) => (error && !isAllowed(kind, error) ? [`failed (${kind}): ${error}`] : [])),
    ),
    ...twice.map(({ id }) => `ran twice: ${id}`),
    ...unrun.map(({ id }) => `answered, but did not run: ${id}`),
    ...rows.flatMap((row) => miscounted(row.calls, row.ledger)),
    ...lost.map((terminal) => `lost: ${terminal}`),
    ...(leftOver > 0 ? [`containers left over: ${leftOver}`] : []),
    ...problems,
  ];
  return {
    fault: name,
    calls: calls.length,
    failed: new Map([...failed].map(([error, all]) => [error, all.length])),
    ranTwice: twice.length,
    lost: lost.length,
    longestMs: Math.max(0, ...calls.map(({ waitedMs }) => waitedMs)),
    leftOver,
    wrong,
  };
}

/** From one answer of the counter to the next: one more, and one for each call in between that failed and ran all the same. */
function miscounted(calls: readonly Call[], ledger: Ledger): string[] {
  let last: number | undefined;
  let uncertain = 0;
  return calls
    .filter(({ tool }) => tool === 'count')
    .flatMap(({ id, count }) => {
      if (count === undefined) {
        uncertain += ledger.get(id) ?? 0;
        return [];
      }
      const expected = (last ?? count - 1 - uncertain) + 1 + uncertain;
      [last, uncertain] = [count, 0];
      return count === expected ? [] : [`counted to ${count} instead of ${expected}: ${id}`];
    });
}

const HEAD = ['fault', 'calls', 'failed', 'run twice', 'sessions lost', 'longest wait', 'containers left over'];

/** The table's head, or a row of it, as Markdown. */
export const tableHead = (): string => `| ${HEAD.join(' | ')} |\n|${'---|'.repeat(HEAD.length)}`;
export function tableRow({ fault, calls, failed, ranTwice, lost, longestMs, leftOver }: Outcome): string {
  const how = [...failed].map(([error, times]) => `${times} x ${error}`).join('; ');
  const count = [...failed.values()].reduce((sum, times) => sum + times, 0);
  const wait = `${(longestMs / 1000).toFixed(1)} s`;
  return `| ${[fault, calls, count === 0 ? '0' : `${count}: ${how}`, ranTwice, lost, wait, leftOver].join(' | ')} |`;
}
