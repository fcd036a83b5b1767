import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    // Much of what is tested waits: for a process to end, a lease to run out, a client to come back.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    globalSetup: ['test/support/node-version.ts'],
    // Many times what any takes: what is waited for has limits of its own (test/support/eventually.ts), which say what it was.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
