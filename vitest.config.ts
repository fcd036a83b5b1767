import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    globalSetup: ['test/support/node-version.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
