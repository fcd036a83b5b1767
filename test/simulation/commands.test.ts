import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SessionRecord } from '../../src/core/session.ts';
import { ControlPlane } from '../support/control-plane.ts';

const RUNS = 600;
const TERMINALS = [101, 102, 103];
const SERVER = 'filesystem';

/** What a terminal has, as people think of it. */
interface Wanted {
  record: SessionRecord;
  isRunning: boolean;
}
type Model = Map<number, Wanted>;
type Kind = keyof typeof STEPS;

/** What a command does with what a terminal has. Undefined: it cannot be done now. */
type Step = (plane: ControlPlane, model: Model, pid: number, had: Wanted | undefined) => Promise<void> | undefined;

const STEPS = {
  open: (plane, model, pid, had) =>
    had
      ? undefined
      : plane.open({ servers: [SERVER] }, pid).then((record) => void model.set(pid, { record, isRunning: true })),
  reopen: (plane, _model, pid, had) =>
    had &&
    plane.open({ servers: [SERVER] }, pid).then((record) => {
      expect(record.nonce).toBe(had.record.nonce);
      had.isRunning = true;
    }),
  end: (plane, model, pid, had) =>
    had &&
    plane.sessions.end(had.record.id).then((ended) => {
      expect(ended).toBe(true);
      model.delete(pid);
    }),
  stop: (plane, _model, _pid, had) => had && set(plane, had, 'stop'),
  start: (plane, _model, _pid, had) => had && set(plane, had, 'start'),
  restart: (plane, _model, _pid, had) => had && set(plane, had, 'restart'),
  die: (plane, _model, _pid, had) =>
    had && isUp(plane, had) ? (async () => plane.runtime.die(had.record.id, SERVER))() : undefined,
  vanish: (plane, _model, _pid, had) =>
    had && isUp(plane, had) ? (async () => plane.runtime.vanish(had.record.id, SERVER))() : undefined,
  terminalGone: (plane, model, pid, had) =>
    had &&
    (async () => {
      plane.deadLeaders.add(pid);
      await plane.controller.cleanup();
      plane.deadLeaders.delete(pid);
      model.delete(pid);
      expect(await plane.store.peek(had.record.id)).toBeUndefined();
    })(),
  outage: (plane) =>
    (async () => {
      plane.store.down = true;
      await plane.clock.advance(20_000);
      plane.store.down = false;
    })(),
  emptied: (plane, model) =>
    (async () => {
      await plane.clock.advance(60_000); // all is seen
      plane.store.empty();
      await plane.clock.advance(10_000);
      for (const { record } of model.values()) expect((await plane.store.peek(record.id))?.nonce).toBe(record.nonce);
    })(),
  deafness: (plane) =>
    (async () => {
      plane.signals.lost = !plane.signals.lost;
    })(),
  controllerRestart: (plane) => plane.restart(),
  time: (plane) => plane.clock.advance(7000),
} satisfies Record<string, Step>;

/** Those that need no session of the terminal. */
const FREE: ReadonlySet<Kind> = new Set(['outage', 'emptied', 'deafness', 'controllerRestart', 'time']);

class Command implements fc.AsyncCommand<Model, ControlPlane> {
  readonly #kind: Kind;
  readonly #pid: number;
  readonly #reached: Map<string, number>;

  constructor(kind: Kind, pid: number, reached: Map<string, number>) {
    this.#kind = kind;
    this.#pid = pid;
    this.#reached = reached;
  }

  check(model: Model): boolean {
    return FREE.has(this.#kind) || model.has(this.#pid) === (this.#kind !== 'open');
  }

  async run(model: Model, plane: ControlPlane): Promise<void> {
    const step: Step = STEPS[this.#kind];
    const done = step(plane, model, this.#pid, model.get(this.#pid));
    if (!done) return;
    await done;
    this.#reached.set(this.#kind, (this.#reached.get(this.#kind) ?? 0) + 1);
  }

  toString(): string {
    return `${this.#kind}(${this.#pid})`;
  }
}

async function set(plane: ControlPlane, had: Wanted, action: 'start' | 'stop' | 'restart'): Promise<void> {
  await plane.sessions.setServer(had.record.id, SERVER, action);
  had.isRunning = action !== 'stop';
}

const isUp = (plane: ControlPlane, { record }: Wanted): boolean =>
  plane.runtime.running().some((name) => name.startsWith(`${record.id}/${SERVER}/`));

/** After quiet time what runs is exactly what is wanted, and no session is missing. */
async function checkRest(plane: ControlPlane, model: Model): Promise<void> {
  plane.signals.lost = false;
  await plane.clock.advance(240_000);
  const wanted = [...model.values()].filter(({ isRunning }) => isRunning).map(({ record }) => `${record.id}/${SERVER}`);
  expect(plane.runtime.running().map((name) => name.replace(/\/\d+$/, ''))).toEqual(wanted.sort());
  expect(plane.runtime.mostAtOnce).toBeLessThanOrEqual(1);
  for (const { record, isRunning } of model.values()) {
    const now = await plane.sessions.get(record.id);
    expect(now.nonce).toBe(record.nonce);
    expect(now.servers[SERVER]?.state.phase).toBe(isRunning ? 'ready' : 'stopped');
  }
}

describe('sessions and controller against a model', () => {
  it(`agree after any commands, each of which is reached (${RUNS} runs)`, { timeout: 120_000 }, async () => {
    const reached = new Map<string, number>();
    const kinds = Object.keys(STEPS) as Kind[];
    const commands = kinds.map((kind) => fc.constantFrom(...TERMINALS).map((pid) => new Command(kind, pid, reached)));
    const property = fc.asyncProperty(fc.commands(commands, { maxCommands: 30, size: 'max' }), async (steps) => {
      const plane = await new ControlPlane({}, { hostname: 'laptop' }).up();
      const model: Model = new Map();
      await fc.asyncModelRun(() => ({ model, real: plane }), steps);
      await checkRest(plane, model);
      await plane.down();
    });
    await fc.assert(property, { numRuns: RUNS, seed: Number(process.env.FC_SEED ?? 1) });
    for (const kind of kinds) expect(reached.get(kind) ?? 0, `${kind} was never reached`).toBeGreaterThan(RUNS / 20);
  });
});
