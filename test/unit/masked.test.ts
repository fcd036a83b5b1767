import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { masked } from '../../src/roles/masked.ts';

it('[admin.masked] shows no password and no key that is part of a URL', () => {
  const env = {
    HOME: '/home/ada',
    MCP_SESSION_MANAGER_STORE: 'rediss://ada:hush-1@redis.example:6379/2',
    MCP_SESSION_MANAGER_TRACES_URL: 'https://hush-2:hush-3@collector.example/v1/traces?api-key=hush-4',
  };
  const shown = masked(loadConfig({ env, cwd: '/srv', uid: 1000 }));
  expect(JSON.stringify(shown)).not.toContain('hush');
  expect(shown).toMatchObject({
    store: 'rediss://ada:***@redis.example:6379/2',
    traces: { url: 'https://***:***@collector.example/v1/traces?***', ratio: 1 },
  });
});
