import { describe, expect, it } from 'vitest';
import { Circuit } from '../../src/host/circuit.ts';
import { ManualClock } from '../fakes/manual-clock.ts';

const OPTIONS = { backoff: { baseMs: 100, maxMs: 1000 }, threshold: 3, openMs: 5000, healthyMs: 10_000 };
/** With the backoff of three failures on top. */
const OPEN_MS = OPTIONS.openMs + 399;

function make() {
  const clock = new ManualClock();
  return { clock, circuit: new Circuit(OPTIONS, clock, () => 0.999) };
}

describe('circuit', () => {
  it('lets the first start through at once', () => {
    const { circuit } = make();
    expect(circuit.ask()).toEqual({ go: true, notBefore: 0 });
  });

  it('backs off, longer with each failure', () => {
    const { clock, circuit } = make();
    circuit.failed(0);
    expect(circuit.ask()).toEqual({ go: true, notBefore: clock.now() + 99 });
    circuit.failed(0);
    expect(circuit.ask()).toEqual({ go: true, notBefore: clock.now() + 199 });
  });

  it('opens after too many failures, and lets one probe through later', () => {
    const { clock, circuit } = make();
    for (let i = 0; i < 3; i++) circuit.failed(0);
    expect(circuit.state).toBe('open');
    expect(circuit.ask()).toEqual({ go: false, until: clock.now() + OPEN_MS });
    clock.advance(OPEN_MS);
    expect(circuit.state).toBe('half-open');
    expect(circuit.ask().go).toBe(true);
    expect(circuit.ask().go).toBe(false);
  });

  it('closes after a probe that succeeds, and opens again at the next failure', () => {
    const { clock, circuit } = make();
    for (let i = 0; i < 3; i++) circuit.failed(0);
    clock.advance(OPEN_MS);
    circuit.ask();
    circuit.succeeded();
    expect(circuit.state).toBe('closed');
    circuit.failed(0);
    expect(circuit.state).toBe('open');
  });

  it('stays open after a probe that fails', () => {
    const { clock, circuit } = make();
    for (let i = 0; i < 3; i++) circuit.failed(0);
    clock.advance(OPEN_MS);
    circuit.ask();
    circuit.failed(0);
    expect(circuit.state).toBe('open');
  });

  it('counts anew after a server that ran for long', () => {
    const { clock, circuit } = make();
    circuit.failed(0);
    circuit.failed(0);
    circuit.failed(OPTIONS.healthyMs);
    expect(circuit.ask()).toEqual({ go: true, notBefore: clock.now() + 99 });
  });
});
