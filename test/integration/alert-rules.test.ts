import { describe, expect, it } from 'vitest';
import { ALERT_GROUPS, ALERTS } from '../../grafana/alerts/index.ts';
import { annotationsOf, labelsOf, RUNBOOKS } from '../../grafana/alerts/labels.ts';
import { RECORDINGS } from '../../grafana/alerts/recordings.ts';
import { type Fault, MIB } from '../support/alerts/faults/fault.ts';
import { FAULTS } from '../support/alerts/faults/index.ts';
import { CONTROLLERS, GATEWAYS, normal } from '../support/alerts/normal.ts';
import { type AlertCheck, type ExpectedAlert, testRules } from '../support/alerts/promtool.ts';
import { RESTART, restartAll } from '../support/alerts/rolling-restart.ts';
import { after, between, change, is, STEP, series, type Value } from '../support/alerts/world.ts';
import { metricsOf } from '../support/promql.ts';
import { requires } from '../support/requires.ts';

const GROUP_OF = new Map(ALERT_GROUPS.flatMap(({ name, rules }) => rules.map((alert) => [alert.name as string, name])));

const quiet = (names: readonly string[], times: readonly number[]): AlertCheck[] =>
  names.flatMap((alertname) => times.map((at) => ({ alertname, at, alerts: [] })));

function expected(name: string, fault: Fault): ExpectedAlert {
  const alert = ALERTS.find((one) => one.name === name);
  if (!alert) throw new Error(`there is no alert ${name}`);
  return {
    exp_labels: { ...labelsOf(alert, GROUP_OF.get(name) as string), ...fault.labels },
    exp_annotations: { ...annotationsOf(alert, '$value', RUNBOOKS), summary: fault.summary },
  };
}

/** Hours of a deployment's life go through all rules, and other tests run beside. */
const TIMEOUT_MS = 180_000;

requires('promtool')('alert rules', () => {
  describe.each(ALERTS.map(({ name }) => name))('%s', (name) => {
    it.concurrent.for(FAULTS[name] ?? [])('fires alone: $what', { timeout: TIMEOUT_MS }, async (fault, { expect }) => {
      const world = normal();
      fault.happens(world);
      const others = ALERTS.map((one) => one.name).filter((one) => one !== name && !fault.also?.includes(one));
      const checks = [{ alertname: name, at: fault.at, alerts: [expected(name, fault)] }, ...quiet(others, [fault.at])];
      expect(await testRules(world, checks)).toBe('');
    });
  });

  it.concurrent('are quiet while nothing is wrong, and while everything is replaced', { timeout: TIMEOUT_MS }, async ({
    expect,
  }) => {
    const world = normal();
    restartAll(world);
    const names = ALERTS.map(({ name }) => name);
    const times = Array.from({ length: (RESTART + 3000) / STEP }, (_, index) => index * STEP);
    expect(await testRules(world, quiet(names, times))).toBe('');
  });

  it.concurrent('are quiet in deployments that have neither balancer nor egress, nor Redis, and one of each or one for all', {
    timeout: TIMEOUT_MS,
  }, async ({ expect }) => {
    const isOne = (series: string) => [GATEWAYS[0], CONTROLLERS[0]].some((one) => series.includes(`instance="${one}"`));
    const small = new Map([...normal()].filter(([series]) => isOne(series)));
    const single = new Map([...small].map(([series, value]) => [series.replace(/job="\w+"/, 'job="manager"'), value]));
    const checks = quiet(
      ALERTS.map(({ name }) => name),
      [900, 1800, 3600],
    );
    expect(await testRules(small, checks)).toBe('');
    expect(await testRules(single, checks)).toBe('');
  });

  it.concurrent('wake nobody for a single call that fails at night', { timeout: TIMEOUT_MS }, async ({ expect }) => {
    const world = new Map([...normal()].filter(([series]) => !series.startsWith('mcp_tool_calls')));
    const call = (type: string, at: number): void => {
      const labels = { error_type: type, job: 'gateway', instance: GATEWAYS[0] };
      world.set(series('mcp_tool_calls_total', labels), after(at, is(1), is(0)));
    };
    call('', 900);
    call('internal', 1200);
    const names = ALERTS.map(({ name }) => name).filter((name) => name.includes('Burn'));
    expect(await testRules(world, quiet(names, [1260, 1500, 1800, 3600, 7200]))).toBe('');
  });

  it.concurrent('page nobody anew when Redis has room again, and its exporter says so first', {
    timeout: TIMEOUT_MS,
  }, async ({ expect }) => {
    const world = normal();
    const [full, room] = [1800, 2400];
    const until = (end: number, value: number) => (before: Value) => between(full, end, is(value), before);
    change(world, ['redis_memory_used_bytes'], until(room, 256 * MIB));
    change(world, ['mcp_store_up'], until(room + STEP, 0));
    const names = ALERTS.map(({ name }) => name).filter((name) => !name.startsWith('McpRedisMemory'));
    const times = Array.from({ length: 10 }, (_, index) => room + (index - 3) * STEP);
    expect(await testRules(world, quiet(names, times))).toBe('');
  });

  it('read in that world every metric that they read at all', () => {
    const world = normal();
    restartAll(world);
    const there = new Set([...world.keys()].map((series) => series.split('{')[0]));
    const recorded = new Set(RECORDINGS.flatMap(({ rules }) => rules.map(({ record }) => record as string)));
    const rules = [...RECORDINGS.flatMap((group) => group.rules), ...ALERTS];
    const read = new Set(rules.flatMap(({ expression }) => metricsOf(expression)));
    expect([...read].filter((metric) => !there.has(metric) && !recorded.has(metric))).toEqual([]);
  });

  it('have a fault for every alert, and no other', () => {
    expect(Object.keys(FAULTS).sort()).toEqual(ALERTS.map(({ name }) => name).sort());
    for (const faults of Object.values(FAULTS)) expect(faults).not.toEqual([]);
  });
});
