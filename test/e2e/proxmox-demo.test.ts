import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { demonstrate } from './proxmox-demo.ts';

/** What is another one each time. */
const VOLATILE: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'],
  [/(plan_token"?[: ]"?)[\w-]{24}/g, '$1TOKEN'],
  [/\bnotty-[a-z0-9]{16}\b/g, 'SESSION'],
  [/(proxmox {2}ready {2})\d+/g, '$1PID'],
];
const lasting = (text: string) => VOLATILE.reduce((all, [pattern, name]) => all.replace(pattern, name), text);

it('[proxmox.plan] docs/proxmox.md shows what happens (else: node test/e2e/proxmox-demo.ts)', {
  timeout: 60_000,
}, async () => {
  const page = readFileSync(new URL('../../docs/proxmox.md', import.meta.url), 'utf8');
  const [, shown = ''] = /^```text\n(\$ eval [\s\S]*?)^```$/m.exec(page) ?? [];
  expect(lasting(await demonstrate())).toBe(lasting(shown));
});
