import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { ALERT_GROUPS } from '../../../grafana/alerts/index.ts';
import { RECORDINGS } from '../../../grafana/alerts/recordings.ts';
import { STEP, samplesOf, type World } from './world.ts';

export const RULES = resolve('grafana/prometheus/rules.yml');

export interface ExpectedAlert {
  readonly exp_labels: Readonly<Record<string, string>>;
  readonly exp_annotations: Readonly<Record<string, string>>;
}

/** What fires under this name at this time; all of it. */
export interface AlertCheck {
  readonly alertname: string;
  /** Seconds. */
  readonly at: number;
  readonly alerts: readonly ExpectedAlert[];
}

/** One `promtool test rules` of a world: what it says, empty if all is as expected. */
export async function testRules(world: World, checks: readonly AlertCheck[], rules = RULES): Promise<string> {
  const until = Math.max(...checks.map(({ at }) => at));
  const test = {
    rule_files: [rules],
    evaluation_interval: `${STEP}s`,
    // else they come in any order, and what they record is a step old or not
    group_eval_order: [...RECORDINGS, ...ALERT_GROUPS].map(({ name }) => name),
    tests: [
      {
        interval: `${STEP}s`,
        input_series: [...world].map(([series, value]) => ({ series, values: samplesOf(value, until) })),
        alert_rule_test: checks.map(({ alertname, at, alerts }) => ({
          eval_time: `${at}s`,
          alertname,
          exp_alerts: alerts,
        })),
      },
    ],
  };
  const directory = await mkdtemp(join(tmpdir(), 'alert-rules-'));
  try {
    const file = join(directory, 'test.yml');
    await writeFile(file, stringify(test, { lineWidth: 0, aliasDuplicateObjects: false }));
    await promisify(execFile)('promtool', ['test', 'rules', file], { maxBuffer: 64 * 1024 * 1024 });
    return '';
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    if (stderr === undefined) throw error;
    return `${stdout}${stderr}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
