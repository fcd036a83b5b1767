import { Duplex } from 'node:stream';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

/** Between the moments at which the two sides learn that their connection is gone, milliseconds. */
const UNAWARE_MS = 3000;

/** One side of a simulated connection. */
export class PipeSide extends Duplex {
  readonly #pipe: Pipe;

  constructor(pipe: Pipe) {
    super({ autoDestroy: true, allowHalfOpen: true, emitClose: true });
    this.#pipe = pipe;
  }

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#pipe.send(this, chunk);
    done();
  }
  override _final(done: () => void): void {
    this.#pipe.send(this, null);
    done();
  }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#pipe.closed(this);
    done(error);
  }
}

/**
 * A connection between two processes, one frame after the other, each some time on its way; it may be cut before any of them,
 * and the two sides learn of that at different times.
 */
export class Pipe {
  readonly left: PipeSide;
  readonly right: PipeSide;
  readonly #world: World;
  readonly #owners: readonly [SimProcess, SimProcess];
  #cut = false;
  #arrives: [number, number] = [0, 0];

  constructor(world: World, left: SimProcess, right: SimProcess) {
    this.#world = world;
    this.#owners = [left, right];
    this.left = new PipeSide(this);
    this.right = new PipeSide(this);
    left.onEnd(() => this.#lose(this.right));
    right.onEnd(() => this.#lose(this.left));
    world.pipes.add(this);
  }

  send(from: PipeSide, chunk: Buffer | null): void {
    const { time, prng, faults } = this.#world;
    const [to, index] = from === this.left ? ([this.right, 1] as const) : ([this.left, 0] as const);
    if (!this.#owners[index === 1 ? 0 : 1].alive) return;
    const at = Math.max(time.now + prng.between(0, faults.slow), this.#arrives[index]);
    this.#arrives[index] = at;
    const arrive = () => {
      if (this.#cut || to.destroyed) return;
      if (faults.cut > 0 && prng.chance(faults.cut)) this.cut();
      else this.#owners[index].run(() => void (to.destroyed || to.push(chunk)));
    };
    time.after(at - time.now, arrive);
  }

  /** What is on its way is lost. */
  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#world.note('a link is cut');
    this.#lose(this.left);
    this.#lose(this.right);
  }

  closed(side: PipeSide): void {
    const other = side === this.left ? this.right : this.left;
    if (!other.destroyed) this.#lose(other);
    else this.#world.pipes.delete(this);
  }

  /** What was sent before arrives before, unless the connection was cut. */
  #lose(side: PipeSide): void {
    const { time, prng } = this.#world;
    const index = side === this.left ? 0 : 1;
    if (!this.#owners[index].alive) return;
    const late = prng.chance(0.8) ? prng.between(0, 5) : prng.between(5, UNAWARE_MS);
    const arrives = this.#cut ? 0 : this.#arrives[index] - time.now + 1;
    time.after(Math.max(late, arrives), () => side.destroy(), this.#owners[index]);
  }
}
