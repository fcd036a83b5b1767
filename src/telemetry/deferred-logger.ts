import type { Logger } from '../core/logger.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

/**
 * A logger that is loaded with the first entry: a host must start fast, and often has nothing to say. Entries come out in the
 * order in which they were made.
 */
export class DeferredLogger implements Logger {
  readonly #loaded: () => Promise<Logger>;

  /** @param load called once, with the first entry */
  constructor(load: () => Promise<Logger>) {
    let loading: Promise<Logger> | undefined;
    this.#loaded = () => {
      loading ??= load();
      return loading;
    };
  }

  debug(fields: object, message: string): void {
    this.#write('debug', fields, message);
  }
  info(fields: object, message: string): void {
    this.#write('info', fields, message);
  }
  warn(fields: object, message: string): void {
    this.#write('warn', fields, message);
  }
  error(fields: object, message: string): void {
    this.#write('error', fields, message);
  }
  child(fields: object): Logger {
    return new DeferredLogger(async () => (await this.#loaded()).child(fields));
  }

  /** Resolves when every entry so far was written. */
  async flush(): Promise<void> {
    await this.#loaded();
  }

  #write(level: Level, fields: object, message: string): void {
    this.#loaded().then(
      (log) => log[level](fields, message),
      () => {}, // without a logger there is nowhere to say it
    );
  }
}
