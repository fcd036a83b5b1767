import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { metricsDoc } from '../../scripts/metrics-doc.ts';
import { TOOLS } from '../../src/servers/proxmox/tools/index.ts';

const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('docs/metrics.md is what the table of metrics says (else: node scripts/metrics-doc.ts)', () => {
  expect(text('docs/metrics.md')).toBe(metricsDoc());
});

it('the catalogue names the tools of the Proxmox server, all of them', () => {
  expect(JSON.parse(text('config/catalogue.json')).mcpServers.proxmox.tools).toEqual(TOOLS.map(({ name }) => name));
});
