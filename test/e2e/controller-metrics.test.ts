import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import { openProcessTable } from '../../src/os/open-process-table.ts';
import { ProxmoxSimulator } from '../fakes/proxmox/simulator.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { TestManager } from '../support/manager.ts';
import { connect } from '../support/mcp-clients.ts';
import { processesOf } from '../support/processes-of.ts';
import { callTool, RawMcp } from '../support/raw-mcp.ts';
import { requires } from '../support/requires.ts';
import { type Series, shownAt } from '../support/series.ts';

const SECRET = '0a1b2c3d-0000-4000-8000-123456789abc';
/** In a week. */
const EXPIRY = new Date(Math.floor(Date.now() / 1000 + 7 * 86_400) * 1000);
const WAIT_MS = 40_000;
/** Looks and rounds come often, so that a test sees what they find. */
const OFTEN = { MCP_SESSION_MANAGER_RECONCILE_INTERVAL: '300ms', MCP_SESSION_MANAGER_SURVEY_INTERVAL: '300ms' };

let pve: ProxmoxSimulator;
let manager: TestManager;
let port: number;
beforeAll(async () => {
  pve = await ProxmoxSimulator.start({ tokens: { 'root@pam!mcp': SECRET }, until: EXPIRY });
  const [[name, server] = []] = [Object.entries(template.servers)[0]];
  const config = { ...template, servers: { [String(name)]: { ...server, port: pve.port } } };
  port = await freePort();
  manager = await TestManager.start({
    servers: {
      absent: { command: '/nowhere/at/all' },
      dying: { command: 'node', args: ['-e', 'process.exit(1)'] },
      proxmox: {
        module: '${dist}/servers/proxmox.js',
        variables: ['PROXMOX_HOST', 'PROXMOX_USER', 'PROXMOX_TOKEN'],
        files: { 'proxmox-config.json': 'proxmox-config.json' },
      },
    },
    files: { 'proxmox-config.json': JSON.stringify(config) },
    env: { ...OFTEN, MCP_SESSION_MANAGER_METRICS_PORT: String(port) },
  });
}, 60_000);
afterAll(async () => {
  await manager?.[Symbol.asyncDispose]();
  await pve?.[Symbol.asyncDispose]();
});

/** Waits until the metrics say this. */
function shows(what: string, check: (value: (series: string) => number | undefined, all: Series) => boolean) {
  return eventually(
    `the metrics show ${what}`,
    async () => {
      const all = await shownAt(port);
      return check((series) => all.get(series), all) ? all : undefined;
    },
    WAIT_MS,
  );
}
const of = (metric: string, server: string) => `${metric}{server="${server}"}`;
const starts = (server: string, outcome: string) =>
  `mcp_instance_starts_total{server="${server}",outcome="${outcome}"}`;
const instances = (server: string, state: string) => `mcp_instances{server="${server}",state="${state}"}`;
const end = (id: string) => manager.api<void>('DELETE', `/api/sessions/${id}`);

it('shows what runs, how it was started, and what it uses', { timeout: WAIT_MS }, async () => {
  const { session, token } = await manager.open();
  onTestFinished(() => end(session.id));
  const client = await connect(`${manager.url}/mcp/counting`, token);
  onTestFinished(() => client.close());
  await client.callTool({ name: 'echo', arguments: { text: 'x'.repeat(1000) } });
  const all = await shows(
    'a server with a channel',
    (value) =>
      value(instances('counting', 'ready')) === 1 &&
      value('mcp_instance_running') === 1 &&
      value(of('mcp_host_channels', 'counting')) === 1 &&
      (value(of('mcp_host_log_bytes', 'counting')) ?? 0) > 1000 &&
      (value(of('mcp_host_cpu_seconds_total', 'counting')) ?? 0) > 0,
  );
  expect(all.get('mcp_controller_lease_held')).toBe(1);
  expect(all.get('mcp_controller_epoch')).toBeGreaterThan(0);
  expect(all.get('mcp_controller_sessions')).toBe(1);
  expect(all.get('mcp_instance_capacity')).toBe(1000);
  expect(all.get('mcp_instance_queue_limit')).toBe(200);
  expect(all.get(starts('counting', 'ready'))).toBe(1);
  expect(all.get(of('mcp_instance_start_duration_seconds_count', 'counting'))).toBe(1);
  expect(all.get(of('mcp_instance_start_duration_seconds_sum', 'counting'))).toBeGreaterThan(0);
  expect(all.get('mcp_controller_reconcile_duration_seconds_count')).toBeGreaterThan(0);
  expect(Date.now() / 1000 - (all.get('mcp_controller_last_reconcile_timestamp_seconds') ?? 0)).toBeLessThan(60);
  // A Node process and its child: tens of megabytes, not of kilobytes.
  const memory = all.get(of('mcp_host_memory_bytes', 'counting')) ?? 0;
  expect(memory).toBeGreaterThan(20 << 20);
  expect(all.get(of('mcp_host_memory_max_bytes', 'counting'))).toBe(memory);
  expect([...all.keys()].filter((name) => name.includes(session.id))).toEqual([]);
});

it('counts a request that came again, and a server and an instance that were killed', { timeout: 60_000 }, async () => {
  const { session, token } = await manager.open();
  onTestFinished(() => end(session.id));
  const mcp = new RawMcp(`${manager.url}/mcp/counting`, token);
  await mcp.initialize();
  const before = await shownAt(port);
  const more = (series: string, value: (series: string) => number | undefined) =>
    (value(series) ?? 0) - (before.get(series) ?? 0);
  for (let time = 0; time < 3; time++)
    await mcp.post(callTool(1, 'echo', { text: 'x' }), { 'idempotency-key': 'the-key' });
  await shows('two replays', (value) => more(of('mcp_host_replays_total', 'counting'), value) === 2);

  const table = openProcessTable();
  const host = await hostOf(session.id);
  const [child] = table.descendants(host);
  process.kill(child as number, 'SIGKILL');
  await shows('the death of the server', (value) => more(of('mcp_host_child_exits_total', 'counting'), value) === 1);

  process.kill(host, 'SIGKILL');
  const restarted = await shows(
    'the next instance',
    (value) =>
      more(of('mcp_instance_restarts_total', 'counting'), value) === 1 &&
      more(starts('counting', 'ready'), value) === 1 &&
      value(instances('counting', 'ready')) === 1,
  );
  // Its successor counts from 0: what was counted stays.
  expect(more(of('mcp_host_replays_total', 'counting'), (name) => restarted.get(name))).toBe(2);
  expect(more(of('mcp_host_child_exits_total', 'counting'), (name) => restarted.get(name))).toBe(1);
});

it('counts a host that hangs', { timeout: WAIT_MS }, async () => {
  const { session } = await manager.open();
  onTestFinished(() => end(session.id));
  const host = await hostOf(session.id);
  const failed = of('mcp_host_scrapes_failed_total', 'counting');
  const before = (await shownAt(port)).get(failed) ?? 0;
  // Nobody lets it go on: it is replaced, or ends with its session.
  process.kill(host, 'SIGSTOP');
  await shows('that it does not answer', (value) => (value(failed) ?? 0) > before);
});

it('counts starts that fail, until the circuit opens', { timeout: WAIT_MS }, async () => {
  const { session } = await manager.open({ servers: ['absent'] });
  onTestFinished(() => end(session.id));
  await shows(
    'an open circuit',
    (value) =>
      value(starts('absent', 'failed')) === 5 &&
      value(of('mcp_instance_circuits_open', 'absent')) === 1 &&
      value(instances('absent', 'failed')) === 1,
  );
});

it('counts servers that die within their instance, until its circuit opens', { timeout: WAIT_MS }, async () => {
  const { session, token } = await manager.open({ servers: ['dying'] });
  onTestFinished(() => end(session.id));
  for (let time = 0; time < 6; time++) await expect(connect(`${manager.url}/mcp/dying`, token)).rejects.toThrow();
  await shows(
    'an open circuit in a host',
    (value) =>
      value(of('mcp_host_circuits_open', 'dying')) === 1 &&
      (value(of('mcp_host_child_exits_total', 'dying')) ?? 0) >= 3,
  );
});

it('tells a server that nobody has set anything for from one that fails', { timeout: WAIT_MS }, async () => {
  const { session } = await manager.open({ servers: ['proxmox'] });
  onTestFinished(() => end(session.id));
  const all = await shows('that it is not configured', (value) => value(instances('proxmox', 'unconfigured')) === 1);
  expect(all.get(starts('proxmox', 'unconfigured'))).toBe(1);
  expect(all.get(starts('proxmox', 'failed'))).toBe(0);
});

it('shows when a certificate runs out, as long as somebody sees it', { timeout: WAIT_MS }, async () => {
  const series = of('mcp_certificate_expiry_timestamp_seconds', 'proxmox');
  expect((await shownAt(port)).has(series)).toBe(false);
  const variables = { PROXMOX_HOST: '127.0.0.1', PROXMOX_USER: 'root@pam', PROXMOX_TOKEN: `mcp=${SECRET}` };
  const { session, token } = await manager.open({ servers: ['proxmox'], variables });
  const client = await connect(`${manager.url}/mcp/proxmox`, token);
  expect(await client.callTool({ name: 'pve_whoami', arguments: {} })).not.toHaveProperty('isError');
  await shows('the certificate', (value) => value(series) === EXPIRY.getTime() / 1000);
  await client.close();
  await end(session.id);
  await shows('nothing of it', (_, all) => !all.has(series));
});

it('finds orphans, and ends them', { timeout: 60_000 }, async () => {
  const file = join(manager.state, 'store.db');
  await manager.kill('SIGTERM');
  const copy = join(manager.root, 'store.db');
  cpSync(file, copy);
  await manager.start();
  await manager.open();
  await manager.kill();
  // A store restored from a backup: it knows nothing of the session whose instance runs.
  for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  cpSync(copy, file);
  expect(await manager.instances()).not.toEqual([]);
  await manager.start();
  await shows(
    'the end of an orphan',
    (value) => value('mcp_orphans_found_total') === 1 && value('mcp_orphans_removed_total') === 1,
  );
  await eventually('nothing is left of it', async () => (await manager.instances()).length === 0);
});

it('shows who waits for a place, and who is turned away', { timeout: 60_000 }, async () => {
  const own = await freePort();
  const limits = { MCP_SESSION_MANAGER_INSTANCES: '1', MCP_SESSION_MANAGER_START_QUEUE: '1' };
  const more = { MCP_SESSION_MANAGER_HOLD_DEADLINE: '1s', MCP_SESSION_MANAGER_METRICS_PORT: String(own) };
  const sleeper = { command: 'sleep', args: ['60'] };
  await using small = await TestManager.start({
    servers: { first: sleeper, second: sleeper },
    env: { ...OFTEN, ...limits, ...more },
  });
  await small.open({ servers: ['counting', 'first', 'second'] });
  await eventually('the metrics show it', async () => {
    const all = await shownAt(own);
    return (
      all.get('mcp_instance_capacity') === 1 &&
      all.get('mcp_instance_running') === 1 &&
      all.get('mcp_instance_queue_limit') === 1 &&
      all.get('mcp_instance_queue') === 1 &&
      all.get('mcp_instance_queue_rejected_total') === 1
    );
  });
  await expect(small.open()).rejects.toThrow(/429/);
  expect((await shownAt(own)).get('mcp_instance_queue_rejected_total')).toBe(2);
});

it('counts looks for which the runtime did not answer', { timeout: WAIT_MS }, async () => {
  const own = await freePort();
  await using lost = await TestManager.start({
    env: {
      ...OFTEN,
      MCP_SESSION_MANAGER_RUNTIME: 'docker',
      MCP_SESSION_MANAGER_DOCKER_SOCKET: '/nowhere/docker.sock',
      MCP_SESSION_MANAGER_METRICS_PORT: String(own),
    },
  });
  expect(lost.pid).toBeGreaterThan(0);
  await eventually('the metrics show it', async () => {
    const all = await shownAt(own);
    return (
      (all.get('mcp_controller_reconcile_errors_total{reason="runtime"}') ?? 0) > 0 &&
      (all.get('mcp_runtime_unavailable_total{reason="engine"}') ?? 0) > 0
    );
  });
});

requires('promtool')('the form of all this', () => {
  it('is as Prometheus wants it', async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    execFileSync('promtool', ['check', 'metrics'], { input: text });
  });
});

/** The process that is the instance of this session's only server. */
function hostOf(session: string): Promise<number> {
  const table = openProcessTable();
  return eventually('its host runs', async () => {
    const found = await processesOf(join(manager.runtimeRoot, 'sockets', session));
    return found.find((pid) => table.descendants(pid).length > 0 && pid !== manager.pid);
  });
}
