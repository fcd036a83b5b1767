import type { DestinationStream } from 'pino';
import pino from 'pino';
import type { Logger } from '../core/logger.ts';

/** Where a secret could get into a log by mistake: replaced by `[redacted]`. */
const SECRETS = ['authorization', 'credential', 'password', 'secret', 'token', 'variables'].flatMap((name) => [
  name,
  `*.${name}`,
]);

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Where lines go; stderr if absent. */
  readonly destination?: DestinationStream;
}

/**
 * One line of JSON per entry: `level` as a word, `time` as RFC 3339, `message`, and the fields. Written synchronously, so
 * that the last words of a process that ends are not lost. Errors in the fields `error` and `err` become type, message,
 * stack and cause.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: pino.stdSerializers.errWithCause, error: pino.stdSerializers.errWithCause },
      // JSON escapes the control characters below U+0020 only; a terminal may obey these too.
      hooks: { streamWrite: (line) => line.replace(/[\x7f-\x9f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`) },
      redact: { paths: SECRETS, censor: '[redacted]' },
    },
    options.destination ?? pino.destination({ fd: 2, sync: true }),
  );
}
