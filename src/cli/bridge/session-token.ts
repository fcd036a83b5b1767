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

/** A token that is being got, and for how many. */
interface Getting {
  readonly token: Promise<string>;
  readonly enough: AbortController;
  waiting: number;
}

/** The token of the terminal's session, got once for all who ask at the same time, and given up when none of them waits any more. */
export class SessionToken {
  readonly #get: (signal: AbortSignal) => Promise<string>;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #value: string | undefined;
  #getting: Getting | undefined;

  /** @param get a token of the session, which is made if there is none; its signal aborts when nobody waits for it */
  constructor(get: (signal: AbortSignal) => Promise<string>) {
    this.#get = get;
  }

  /** The one in use; undefined: none, or it was refused. */
  get value(): string | undefined {
    return this.#value;
  }

  /** Only for what the client has asked for: it makes a session where there is none. Rejects like `get`, or as the signal says. */
  async current(signal: AbortSignal): Promise<string> {
    if (this.#value !== undefined) return this.#value;
    signal.throwIfAborted();
    this.#getting ??= this.#begin();
    const getting = this.#getting;
    getting.waiting += 1;
    try {
      return await unless(signal, getting.token);
    } finally {
      getting.waiting -= 1;
      if (getting.waiting === 0) this.#end(getting);
    }
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

  #begin(): Getting {
    const enough = new AbortController();
    return { token: this.#renew(enough.signal), enough, waiting: 0 };
  }

  #end(getting: Getting): void {
    if (this.#getting === getting) this.#getting = undefined;
    getting.enough.abort();
  }

  async #renew(signal: AbortSignal): Promise<string> {
    const value = await this.#get(signal);
    signal.throwIfAborted();
    this.#value = value;
    this.#changes.emit('changed');
    return value;
  }
}
