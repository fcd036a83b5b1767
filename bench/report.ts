import type { Cold } from './cold.ts';
import type { Memory } from './memory.ts';
import type { Speeds } from './speed.ts';
import { TARGETS } from './targets.ts';

export interface Results {
  /** RFC 3339. */
  readonly when: string;
  readonly node: string;
  readonly speeds: Speeds;
  readonly memory: Memory;
  readonly cold: Cold;
}

/** One thing that is to be reached (docs/performance.md says what it means). */
export interface Bar {
  readonly what: string;
  readonly measured: number;
  readonly bar: number;
  /** The side of the bar that is good. */
  readonly wanted: 'at most' | 'at least';
  readonly unit: string;
}

export function barsOf({ speeds, memory, cold }: Results): Bar[] {
  const p50 = (name: keyof Speeds) => speeds[name].sequential.p50;
  const ownCpu = (name: keyof Speeds) => speeds[name].parallel.ownCpuMs;
  const treeCpu = (name: keyof Speeds) => speeds[name].parallel.treeCpuMs;
  const relayAdds = p50('bare relay + GETEX > raw') - p50('raw, asked directly');
  const moduleAdds = p50('gateway > host with raw in it') - p50('raw, asked directly');
  const stdioAdds = p50('gateway > host > stdio') - p50('stdio, asked directly');
  const atMost = (what: string, measured: number, bar: number, unit: string): Bar => ({
    what,
    measured,
    bar,
    wanted: 'at most',
    unit,
  });
  return [
    atMost(
      "gateway's CPU per call / bare relay's with GETEX",
      ownCpu('gateway > host with raw in it') / ownCpu('bare relay + GETEX > raw'),
      1.5,
      'x',
    ),
    atMost('added to p50, server in the host', moduleAdds, 0.4, ' ms'),
    atMost('added to p50, server in the host / added by bare relay', moduleAdds / relayAdds, 2, 'x'),
    atMost('added to p50, server on stdio', stdioAdds, 0.4, ' ms'),
    atMost('added to p50, server on stdio / added by bare relay', stdioAdds / relayAdds, 2, 'x'),
    {
      what: "calls per CPU second / mcp-proxy's",
      measured: treeCpu('mcp-proxy > stdio') / treeCpu('gateway > host > stdio'),
      bar: 2,
      wanted: 'at least',
      unit: 'x',
    },
    atMost('idle connection in the gateway', memory.idle, 8, ' KiB'),
    atMost('the same with an open GET stream', memory.streaming, 48, ' KiB'),
    atMost("first tools/list of a new session / server's own initialize", cold.session / cold.server, 2, 'x'),
  ];
}

export const isReached = ({ measured, bar, wanted }: Bar): boolean =>
  wanted === 'at most' ? measured <= bar : measured >= bar;

/** Both tables and the rest, Markdown. */
export function report(results: Results): string {
  const { speeds, memory, cold, when, node } = results;
  const ms = (value: number) => value.toFixed(3);
  const targets = TARGETS.map((name) => {
    const { sequential, parallel } = speeds[name];
    return row([
      name,
      ms(sequential.p50),
      ms(sequential.p99),
      parallel.callsPerSecond.toFixed(0),
      parallel.p50.toFixed(2),
      ms(parallel.ownCpuMs),
      ms(parallel.treeCpuMs),
    ]);
  });
  const bars = barsOf(results).map((bar) =>
    row([
      bar.what,
      `${bar.measured.toFixed(2)}${bar.unit}`,
      `${bar.wanted} ${bar.bar}${bar.unit}`,
      isReached(bar) ? 'reached' : 'MISSED',
    ]),
  );
  return [
    `${when}, Node ${node}`,
    '',
    row([
      'way to the server',
      'p50 ms',
      'p99 ms',
      'calls/s, 32 in flight',
      'p50 ms',
      'own CPU ms/call',
      'all CPU ms/call',
    ]),
    row(Array(7).fill('---')),
    ...targets,
    '',
    `Each of the first connections to a gateway that has just started: ${memory.first.toFixed(1)} KiB; each later one: ${memory.idle.toFixed(1)} KiB`,
    '',
    `A new session's first tools/list: ${cold.session.toFixed(0)} ms; the server's own initialize on stdio: ${cold.server.toFixed(0)} ms`,
    '',
    row(['to reach', 'measured', 'bar', '']),
    row(Array(4).fill('---')),
    ...bars,
  ].join('\n');
}

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
