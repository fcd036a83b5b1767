import type { Lifecycle, Occurrence, SessionIdentity } from '../../src/sessions/lifecycle.ts';

/** Keeps what happened. */
export class KeptLifecycle implements Lifecycle {
  readonly occurrences: Occurrence[] = [];
  readonly #ended = new Set<string>();

  /** Their names, of one session if it is given. */
  names(session?: string): string[] {
    return this.occurrences.filter((one) => session === undefined || one.session === session).map(({ name }) => name);
  }

  record(occurrence: Occurrence): void {
    this.occurrences.push(occurrence);
  }
  async ending({ nonce }: SessionIdentity): Promise<void> {
    this.#ended.add(nonce);
  }
  async wasEnded({ nonce }: SessionIdentity): Promise<boolean> {
    return this.#ended.has(nonce);
  }
}
