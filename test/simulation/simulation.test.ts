import { describe, expect, it } from 'vitest';
import { EVENT_NAMES, runScenario } from './scenario.ts';

const SEEDS = Number(process.env.SEEDS ?? 1000);
/** Runs this seed alone, and prints what happened. */
const SEED = process.env.SEED;
/** Of the first seed that fails. */
const TRACE_LINES = 60;

describe('the deployment in a simulation', () => {
  it.runIf(SEED !== undefined)('is replayed', async () => {
    const { violations, trace } = await runScenario(Number(SEED), true);
    process.stdout.write(`${trace.join('\n')}\n`);
    expect(violations).toEqual([]);
  });

  it.runIf(SEED === undefined)(`keeps its promises with ${SEEDS} seeds`, { timeout: 1_800_000 }, async () => {
    const reached = new Set<string>();
    const failed: string[] = [];
    for (let seed = 0; seed < SEEDS; seed++) {
      const outcome = await runScenario(seed);
      for (const what of outcome.reached) reached.add(what);
      if (outcome.violations.length > 0) failed.push(`SEED=${seed}: ${outcome.violations.join('; ')}`);
    }
    const [first] = failed;
    const { trace } = first === undefined ? { trace: [] } : await runScenario(Number(/\d+/.exec(first)), true);
    expect(failed, trace.slice(-TRACE_LINES).join('\n')).toEqual([]);
    if (SEEDS >= 100) expect([...reached]).toEqual(expect.arrayContaining(EVENT_NAMES));
  });

  it('runs a seed twice in the same way', async () => {
    const [first, second] = [await runScenario(7, true), await runScenario(7, true)];
    expect(first.trace.length).toBeGreaterThan(100);
    expect(second.trace).toEqual(first.trace);
  });
});
