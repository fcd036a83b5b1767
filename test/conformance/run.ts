import type { Suite } from './suites.ts';

/** One check of a scenario, as the suite writes it. */
export interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly description: string;
  readonly errorMessage?: string;
}

export interface Scenario {
  readonly name: string;
  readonly checks: readonly Check[];
  /** Why the revision does not require it; undefined: it does. */
  readonly notScored: string | undefined;
}

/** What one run of a suite came to. */
export interface Run {
  readonly suite: Suite;
  /** How many scenarios the suite said it would run. */
  readonly announced: number;
  readonly scenarios: readonly Scenario[];
  /** Null: it was ended by a signal. */
  readonly exitCode: number | null;
  readonly output: string;
}

const TAIL = 2000;

const told = ({ name }: Scenario, { id, description, errorMessage }: Check) =>
  `${name}: ${id}: ${errorMessage ?? description}`;

const withStatus = (scenarios: readonly Scenario[], status: Check['status']): string[] =>
  scenarios.flatMap((scenario) =>
    scenario.checks.filter((check) => check.status === status).map((check) => told(scenario, check)),
  );

const required = ({ scenarios }: Run): Scenario[] => scenarios.filter(({ notScored }) => notScored === undefined);

/** Something was checked, and nothing failed. */
const isPassed = ({ checks }: Scenario): boolean =>
  checks.some(({ status }) => status === 'SUCCESS') && !checks.some(({ status }) => status === 'FAILURE');

/** What must not be, of the scenarios that are required; empty: all is well. */
export function wrongOf(run: Run): string[] {
  const scenarios = required(run);
  const wrong = [
    ...withStatus(scenarios, 'FAILURE'),
    ...scenarios
      .filter(({ checks }) => !checks.some(({ status }) => status === 'SUCCESS' || status === 'FAILURE'))
      .map(({ name }) => `${name}: nothing was checked`),
  ];
  if (run.scenarios.length !== run.announced)
    wrong.push(`${run.scenarios.length} scenarios have results, of ${run.announced}: ${run.output.slice(-TAIL)}`);
  if (run.exitCode !== 0 && wrong.length === 0)
    wrong.push(`the suite ended with ${run.exitCode}: ${run.output.slice(-TAIL)}`);
  return wrong;
}

/** What should be better, of the scenarios that are required. */
export const warningsOf = (run: Run): string[] => withStatus(required(run), 'WARNING');

/** The scenarios that are not required and did not pass, each with why it is not. */
export const notRequiredOf = ({ scenarios }: Run): string[] =>
  scenarios.flatMap((scenario) => {
    const { name, notScored } = scenario;
    return notScored === undefined || isPassed(scenario) ? [] : [`${name} (${notScored})`];
  });

const HEAD = ['suite', 'revision', 'deployment', 'required', 'passed', 'failed', 'checks', 'warnings', 'not required'];

/** The table's head, or a row of it, as Markdown. */
export const tableHead = (): string => `| ${HEAD.join(' | ')} |\n|${'---|'.repeat(HEAD.length)}`;
export function tableRow(run: Run, deployment: string): string {
  const { suite, scenarios } = run;
  const scored = required(run);
  const passed = scored.filter(isPassed).length;
  const others = scenarios.filter(({ notScored }) => notScored !== undefined);
  const checks = scored.flatMap((scenario) => scenario.checks).filter(({ status }) => status === 'SUCCESS').length;
  const extra = others.length === 0 ? '-' : `${others.filter(isPassed).length} of ${others.length} passed`;
  const row = [
    `${suite.release} ${suite.all.join(' ')}`,
    suite.revision,
    deployment,
    scored.length,
    passed,
    scored.length - passed,
    checks,
    warningsOf(run).length,
    extra,
  ];
  return `| ${row.join(' | ')} |`;
}
