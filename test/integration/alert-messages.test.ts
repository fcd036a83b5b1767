import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { MUTE_TIMES, POLICIES, TEMPLATES } from '../../grafana/alerts/notifications.ts';
import { requires } from '../support/requires.ts';

const PAGES = '${MCP_ALERTS_PAGE_TO}';
const TICKETS = '${MCP_ALERTS_TICKET_TO}';

interface Told {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'alert-messages-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function amtool(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('amtool', [...args], { timeout: 20_000 });
  return stdout;
}

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

/** What all of them say alike, as Alertmanager makes it. */
const common = (maps: readonly Readonly<Record<string, string>>[]): Record<string, string> =>
  Object.fromEntries(Object.entries(maps[0] ?? {}).filter(([key, value]) => maps.every((map) => map[key] === value)));

/** Title and message. amtool knows Alertmanager's fields of an alert: those of Grafana's own are among the annotations. */
async function told(name: string, alerts: readonly Told[]): Promise<readonly [title: string, message: string]> {
  const text = TEMPLATES.map(({ template }) => template).join('\n');
  const templates = await fileOf(`${name}.tmpl`, text.replaceAll(/\.((?:Panel|Silence)URL)/g, '.Annotations.$1'));
  const data = {
    receiver: 'mcp-webhook',
    status: alerts.some(({ status }) => status === 'firing') ? 'firing' : 'resolved',
    alerts,
    commonLabels: common(alerts.map(({ labels }) => labels)),
  };
  const path = await fileOf(`${name}.json`, JSON.stringify(data));
  const render = (what: string): Promise<string> =>
    amtool(
      'template',
      'render',
      `--template.glob=${templates}`,
      `--template.data=${path}`,
      `--template.text={{ template "${what}" . }}`,
    );
  return [await render('mcp.title'), await render('mcp.message')];
}

const REDIS: Told = {
  status: 'firing',
  labels: { alertname: 'McpRedisDown', severity: 'page', component: 'store' },
  annotations: {
    summary: 'Nobody has reached Redis for a minute',
    description: 'What runs goes on.',
    runbook_url: 'grafana/runbooks/McpRedisDown.md',
    PanelURL: 'https://grafana/d/mcp-store?viewPanel=1',
    SilenceURL: 'https://grafana/alerting/silence/new',
  },
};
const REDIS_TEXT = `Firing: McpRedisDown: Nobody has reached Redis for a minute
What runs goes on.
What to do: grafana/runbooks/McpRedisDown.md
Panel: https://grafana/d/mcp-store?viewPanel=1
Silence: https://grafana/alerting/silence/new

`;
const REDIS_OVER = REDIS_TEXT.replace('Firing', 'Over').replace(/^Silence.*\n/m, '');

/** What an alert says while Prometheus does not answer. */
const UNASKED: Told = { ...REDIS, annotations: { ...REDIS.annotations, Error: 'connection refused' } };
const UNASKED_TEXT = REDIS_TEXT.replace('What to do', 'Grafana could not ask: connection refused\nWhat to do');

/** Of somebody else's rule. */
const OTHER: Told = {
  status: 'firing',
  labels: { alertname: 'DiskFull' },
  annotations: { SilenceURL: 'https://grafana/alerting/silence/new' },
};
const OTHER_TEXT = 'Firing: DiskFull\nSilence: https://grafana/alerting/silence/new\n\n';

/** Policies and mute timings in Alertmanager's own words, to which Grafana brings them too. */
function alertmanager(): string {
  const [{ orgId: _, routes, ...root }] = POLICIES;
  const routed = routes.map(({ object_matchers, ...route }) => ({
    ...route,
    matchers: object_matchers.map(([label, operator, value]) => `${label}${operator}"${value}"`),
  }));
  return stringify({
    route: { ...root, routes: routed },
    receivers: [{ name: PAGES }, { name: TICKETS }],
    time_intervals: MUTE_TIMES.map(({ name, time_intervals }) => ({ name, time_intervals })),
  });
}

const over = (alert: Told): Told => ({ ...alert, status: 'resolved' });

requires('amtool')('who is told of an alert', () => {
  describe('reads', () => {
    it.each<[string, readonly Told[], string, string]>([
      ['of one', [REDIS], '[page] Nobody has reached Redis for a minute', REDIS_TEXT],
      ['of one that is over', [over(REDIS)], '[over] Nobody has reached Redis for a minute', REDIS_OVER],
      ['of several', [REDIS, REDIS, over(REDIS)], '[page] 2 alerting, 1 over', REDIS_TEXT + REDIS_TEXT + REDIS_OVER],
      ['that several are over', [over(REDIS), over(REDIS)], '[over] 0 alerting, 2 over', REDIS_OVER + REDIS_OVER],
      ['of one that could not be asked', [UNASKED], '[page] Nobody has reached Redis for a minute', UNASKED_TEXT],
      ['of one that says nothing', [OTHER], '[alert] DiskFull', OTHER_TEXT],
      ['of both kinds', [REDIS, OTHER], '[alert] 2 alerting, 0 over', REDIS_TEXT + OTHER_TEXT],
    ])('%s', async (name, alerts, title, message) => {
      expect(await told(name, alerts)).toEqual([title, message]);
    });
  });

  describe('is chosen', () => {
    it.each([
      ['severity=page', PAGES],
      ['severity=ticket', TICKETS],
      ['alertname=DiskFull', TICKETS],
    ])('by %s', async (label, receiver) => {
      const config = await fileOf(`${label}.yml`, alertmanager());
      await amtool('check-config', config);
      expect((await amtool('config', 'routes', 'test', `--config.file=${config}`, label)).trim()).toBe(receiver);
    });
  });
});
