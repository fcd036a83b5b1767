/** Each side of a link says something this often, milliseconds. */
const BEAT_MS = 5000;
/**
 * After so many beats of one's own without a word of the other side it is gone, or hangs. Counted in beats and not in time, so that
 * who was stopped himself does not blame others for it.
 */
const SILENT_BEATS = 3;

/**
 * Tells whether the other side of a link still works: an operating system says so only when the other process ends, and across
 * machines not even then. Each side beats as soon as there is a link; one that has never beaten (an earlier version) is not judged.
 */
export class Pulse implements Disposable {
  readonly #timer: NodeJS.Timeout;
  #silent: number | undefined;

  /**
   * @param beat says something to the other side
   * @param onSilence called once, if nothing was heard for 10 to 15 seconds
   */
  constructor(beat: () => void, onSilence: () => void) {
    this.#timer = setInterval(() => {
      if (this.#silent !== undefined) this.#silent += 1;
      if ((this.#silent ?? 0) < SILENT_BEATS) beat();
      else {
        this[Symbol.dispose]();
        onSilence();
      }
    }, BEAT_MS);
    this.#timer.unref();
    beat();
  }

  /** The other side has beaten. */
  beaten(): void {
    this.#silent = 0;
  }

  /** Something came from the other side, if only a part of a frame: behind a large one a beat may take long. */
  heard(): void {
    if (this.#silent !== undefined) this.#silent = 0;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
