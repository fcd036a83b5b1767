import { describe, expect, test } from 'vitest';
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts';
import { PromGatewayMeter } from '../../src/telemetry/metrics/gateway-meter.ts';
import { Metrics, type ProcessRole } from '../../src/telemetry/metrics/metrics.ts';

const made = (role: ProcessRole) =>
  new Metrics({ role, version: '1.2.3', servers: ['filesystem'], tools: ['read_file'] });
const seriesOf = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('metrics', () => {
  test('a process shows those of its role, and no others', async () => {
    for (const role of ['gateway', 'controller', 'egress'] as const) {
      const text = await made(role).show();
      const shown = [...text.matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1]);
      const expected = Object.entries(METRICS).filter(([, { roles }]) => (roles as readonly string[]).includes(role));
      expect(shown).toEqual(expected.map(([name]) => name));
    }
  });

  test('series whose labels are all known are there before anything happened', async () => {
    const text = await made('serve').show();
    expect(text).toContain('mcp_gateway_held_total{outcome="timed_out"} 0');
    expect(text).toContain('mcp_instances{server="filesystem",state="failed"} 0');
    expect(text).toContain('mcp_instances{server="other",state="failed"} 0');
    expect(text).toContain('mcp_store_operation_duration_seconds_count{operation="touch"} 0');
    expect(text).toMatch(/mcp_build_info\{version="1\.2\.3",node="[\d.]+",role="serve"\} 1/);
    // 0 would be a date.
    expect(seriesOf(text).filter((line) => line.startsWith('mcp_certificate_expiry'))).toEqual([]);
  });

  test('what is not in the table, or too much of it, is counted as other', async () => {
    const metrics = made('gateway');
    for (let n = 0; n < 5000; n++)
      metrics
        .histogram('mcp_server_operation_duration_seconds', {
          mcp_method_name: `method/${n}`,
          gen_ai_tool_name: `tool-${n}`,
          error_type: '',
          mcp_protocol_version: `2${n}`,
        })
        .observe(0.2);
    metrics.counter('mcp_sessions_ended_total', { reason: 'boredom' }).inc();
    const text = await metrics.show();
    expect(text).toContain('mcp_sessions_ended_total{reason="other"} 1');
    expect(seriesOf(text).filter((line) => line.includes('_count{mcp_method_name="other"'))).toEqual([
      'mcp_server_operation_duration_seconds_count{mcp_method_name="other",gen_ai_tool_name="other",error_type="",mcp_protocol_version="other"} 5000',
    ]);
  });

  test('a tool that is called for the first time, and fails, adds to a series that was there', async () => {
    const metrics = made('gateway');
    const meter = new PromGatewayMeter(metrics, new Map([['read_file', 'read_file']]), { at: () => 0 });
    const failed = 'mcp_tool_calls_total{error_type="internal"}';
    expect(await metrics.show()).toContain(`${failed} 0\n`);
    meter.operation('tools/call', 'read_file', '2025-11-25', performance.now()).end('internal');
    meter.operation('tools/list', undefined, '2025-11-25', performance.now()).end('internal');
    const text = await metrics.show();
    expect(text).toContain(`${failed} 1\n`);
    expect(text).toContain(
      'mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",gen_ai_tool_name="read_file",error_type="internal",mcp_protocol_version="2025-11-25"} 1\n',
    );
  });

  test('what a request and its answer waited for the event loop is time that the gateway adds', async () => {
    const metrics = made('gateway');
    let late = 300;
    const meter = new PromGatewayMeter(metrics, new Map(), { at: () => late });
    const arrivedAt = performance.now();
    const operation = meter.operation('ping', undefined, '2025-11-25', arrivedAt);
    late = 0;
    operation.posted();
    operation.returned();
    operation.end();
    const sum = async () => Number(/^mcp_gateway_added_seconds_sum (.+)$/m.exec(await metrics.show())?.[1]);
    const first = await sum();
    expect(first).toBeGreaterThanOrEqual(0.3);
    late = 1e6;
    const answered = meter.operation('ping', undefined, '2025-11-25', arrivedAt);
    late = 0;
    answered.posted();
    late = 1e9; // no answer comes before its request has gone
    answered.returned();
    answered.end();
    expect(await sum()).toBeGreaterThanOrEqual(first + 1000);
    expect(await sum()).toBeLessThan(first + 1e6);
  });

  test('series go up, are set, are taken away; what is known is set when it is shown', async () => {
    const metrics = made('serve');
    const [held, lease] = [metrics.gauge('mcp_gateway_held_requests'), metrics.gauge('mcp_controller_lease_held')];
    held.inc();
    held.inc();
    held.dec();
    metrics.beforeShowing(() => lease.set(1));
    metrics.gauge('mcp_certificate_expiry_timestamp_seconds', { server: 'filesystem' }).set(1e9);
    metrics.histogram('mcp_gateway_added_seconds').observe(0.0002);
    const text = await metrics.show();
    expect(text).toContain('mcp_gateway_held_requests 1\n');
    expect(text).toContain('mcp_controller_lease_held 1\n');
    expect(text).toContain('mcp_certificate_expiry_timestamp_seconds{server="filesystem"} 1000000000');
    expect(text).toContain('mcp_gateway_added_seconds_bucket{le="0.0001"} 0');
    expect(text).toContain('mcp_gateway_added_seconds_bucket{le="0.00025"} 1');
    metrics.remove('mcp_certificate_expiry_timestamp_seconds', { server: 'filesystem' });
    expect(await metrics.show()).not.toContain('mcp_certificate_expiry_timestamp_seconds{');
  });

  test('what another role shows can be counted, and is not shown', async () => {
    const metrics = made('egress');
    metrics.counter('mcp_store_errors_total', { reason: 'unavailable' }).inc();
    expect(await metrics.show()).not.toContain('mcp_store_errors_total');
  });
});
