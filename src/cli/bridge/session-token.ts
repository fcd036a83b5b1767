import { EventEmitter, once } from 'node:events';

/** Answers when `promise` does, or rejects with the signal's reason. */
async function unless<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The token of the terminal's session, got once for all who ask at the same time. */
export class SessionToken {
  readonly #get: () => Promise<string>;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #value: string | undefined;
  #getting: Promise<string> | undefined;

  /** @param get a token of the session, which is made if there is none */
  constructor(get: () => Promise<string>) {
    this.#get = get;
  }

  /** The one in use; undefined: none, or it was refused. */
  get value(): string | undefined {
    return this.#value;
  }

  /** Only for what the client has asked for: it makes a session where there is none. Rejects like `get`, or as the signal says. */
  async current(signal: AbortSignal): Promise<string> {
    if (this.#value !== undefined) return this.#value;
    this.#getting ??= this.#renew().finally(() => {
      this.#getting = undefined;
    });
    return unless(signal, this.#getting);
  }

  /** This token was refused: whoever asks next gets another. */
  refuse(token: string): void {
    if (this.#value === token) this.#value = undefined;
  }

  /** For what goes on by itself: waits until a message of the client has needed a token. */
  async available(signal: AbortSignal): Promise<string> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#value !== undefined) return this.#value;
      await once(this.#changes, 'changed', { signal }).catch(() => signal.throwIfAborted());
    }
  }

  async #renew(): Promise<string> {
    this.#value = await this.#get();
    this.#changes.emit('changed');
    return this.#value;
  }
}
