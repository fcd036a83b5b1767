import type { Logger } from '../core/logger.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

/** Where a secret could get into a log by mistake: the value is replaced, however deep it is. */
const SECRETS = new Set(['authorization', 'credential', 'password', 'secret', 'token', 'variables']);

/** Takes whole lines, with their line breaks. */
export interface Destination {
  write(line: string): void;
}

export interface LoggerOptions {
  readonly level: Level;
  /** Where lines go; stderr if absent. */
  readonly destination?: Destination;
}

/**
 * One line of JSON per entry: `level` as a word, `time` as RFC 3339, the fields, and `message`. Written synchronously, so
 * that the last words of a process that ends are not lost. Errors become type, code, message, stack and cause. No library:
 * loading one takes a tenth of a host's start (docs/performance.md).
 */
export function createLogger({ level, destination = toStderr() }: LoggerOptions): Logger {
  return new JsonLogger(LEVELS.indexOf(level), destination, {});
}

class JsonLogger implements Logger {
  readonly #lowest: number;
  readonly #destination: Destination;
  readonly #bound: object;

  constructor(lowest: number, destination: Destination, bound: object) {
    this.#lowest = lowest;
    this.#destination = destination;
    this.#bound = bound;
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
    return new JsonLogger(this.#lowest, this.#destination, { ...this.#bound, ...fields });
  }

  #write(level: Level, fields: object, message: string): void {
    if (LEVELS.indexOf(level) < this.#lowest) return;
    const entry = { level, time: new Date().toISOString() };
    this.#destination.write(
      `${toJson({ ...entry, ...this.#bound, ...fields, message }) ?? toJson({ ...entry, message })}\n`,
    );
  }
}

/** Undefined for what JSON cannot say, such as a cycle: an entry without its fields is better than an error. */
function toJson(entry: object): string | undefined {
  try {
    return JSON.stringify(entry, (key, value: unknown) => {
      if (SECRETS.has(key)) return '[redacted]';
      return value instanceof Error ? plain(value) : value;
    });
  } catch {
    return undefined;
  }
}

function plain(error: Error): object {
  const { name, message, stack, cause } = error;
  const { code } = error as NodeJS.ErrnoException;
  return { type: name === 'Error' ? error.constructor.name : name, code, message, stack, cause };
}

/** Node writes to stderr synchronously (process I/O, except to pipes on Windows). Nobody reading it any more ends nothing. */
function toStderr(): Destination {
  process.stderr.on('error', () => {});
  return process.stderr;
}
