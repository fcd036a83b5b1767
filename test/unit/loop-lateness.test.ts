import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { LoopLateness } from '../../src/telemetry/metrics/loop-lateness.ts';
import { eventually } from '../support/eventually.ts';

const BLOCKED_MS = 100;
/** What it may miss, and the longest that may lie between a strike and this test. */
const UNSEEN_MS = 10;

function block(): void {
  const until = performance.now() + BLOCKED_MS;
  while (performance.now() < until);
}

describe('how late the event loop is', () => {
  test('is told in the turn that is late', () => {
    using loop = new LoopLateness();
    block();
    expect(loop.at(performance.now())).toBeGreaterThanOrEqual(BLOCKED_MS - UNSEEN_MS);
  });

  test('is told to what came in meanwhile, in the next turn, and no longer', async () => {
    using loop = new LoopLateness();
    const { port1, port2 } = new MessageChannel();
    try {
      const heard = once(port1, 'message').then(() => loop.at(performance.now()));
      port2.postMessage('came while it was busy');
      block();
      expect(await heard).toBeGreaterThanOrEqual(BLOCKED_MS - UNSEEN_MS);
      await eventually('nothing is late', async () => loop.at(performance.now()) === 0);
    } finally {
      port1.close();
    }
  });
});
