import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { LOG_LEVELS, type LogEntry, type LogLevel, type LogSetting } from '../core/host-logs.ts';
import type { Logger } from '../core/logger.ts';
import type { LogRing } from './log-ring.ts';

const USUAL: LogLevel = 'info';
/** Characters of one line. */
const LONGEST = 8192;
/** Names of what may hold a secret, of fields and of variables. */
const SECRET = /authorization|credential|password|secret|token|key/i;
/** Shorter ones are too common among other words. */
const SHORTEST_SECRET = 6;

/**
 * The log of one server: what it writes to stderr, and what its host has to say. The last of it is kept (`ring`); all goes on
 * to the instance's own log. The session's secrets are taken out of both.
 */
export class ServerLog implements Logger {
  readonly ring: LogRing;
  readonly #inner: Logger;
  readonly #clock: Clock;
  #server = '';
  #secrets: readonly string[] = [];
  #setting: LogSetting = { level: USUAL, until: 0 };

  constructor(ring: LogRing, inner: Logger, clock: Clock) {
    this.ring = ring;
    this.#inner = inner;
    this.#clock = clock;
  }

  /** Whose log it is. @param variables those whose names say so are secrets */
  belongsTo(server: string, variables: Readonly<Record<string, string>>): void {
    this.#server = server;
    // One of several lines is written line by line.
    const parts = Object.entries(variables).flatMap(([name, value]) => (SECRET.test(name) ? value.split(/\r?\n/) : []));
    // The longest first: another may be a part of it.
    this.#secrets = parts.filter((part) => part.length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length);
  }

  /** What is below its level is left out until its time, then what is below `info`. */
  set(setting: LogSetting): void {
    this.#setting = setting;
  }

  /** What the server wrote to stderr, and what it wrote to stdout that is no message. */
  stderr(text: string): void {
    for (const line of text.split(/\r?\n/)) {
      if (line.trim() === '') continue;
      const safe = this.#safe(line);
      this.ring.add({ time: this.#clock.now(), server: this.#server, stream: 'stderr', text: safe });
      this.#inner.info({ stderr: true }, safe);
    }
  }

  /** An entry of somebody else's, whatever the level. */
  add({ server, level, text }: LogEntry): void {
    const safe = this.#safe(text);
    this.ring.add({ time: this.#clock.now(), server, stream: 'host', level, text: safe });
    this.#inner[level]({ server }, safe);
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

  child(more: object): Logger {
    const written =
      (level: LogLevel): Logger['info'] =>
      (fields, message) =>
        this.#write(level, { ...more, ...fields }, message);
    const [debug, info, warn, error] = [written('debug'), written('info'), written('warn'), written('error')];
    return { debug, info, warn, error, child: (fields) => this.child({ ...more, ...fields }) };
  }

  #write(level: LogLevel, fields: object, message: string): void {
    const now = this.#clock.now();
    const least = now < this.#setting.until ? this.#setting.level : USUAL;
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)) return;
    const text = this.#safe(`${message}${wordsOf(fields)}`);
    this.ring.add({ time: now, server: this.#server, stream: 'host', level, text });
    this.#inner[level](this.#safeFields(fields), this.#safe(message));
  }

  /** Errors and parts are the inner log's to write; it knows which names hide secrets. */
  #safeFields(fields: object): object {
    const entries = Object.entries(fields);
    return Object.fromEntries(
      entries.map(([name, value]) => [name, typeof value === 'string' ? this.#safe(value) : value]),
    );
  }

  #safe(text: string): string {
    let safe = text;
    for (const secret of this.#secrets) safe = safe.replaceAll(secret, '[redacted]');
    return safe.length > LONGEST ? `${safe.slice(0, LONGEST)}...` : safe;
  }
}

/** Fields as words behind a message; what may hold a secret or has parts is left out. */
function wordsOf(fields: object): string {
  const words = Object.entries(fields).flatMap(([name, value]) => {
    if (SECRET.test(name)) return [];
    if (value instanceof Error) return [` ${name}=${JSON.stringify(messageOf(value))}`];
    return typeof value === 'object' || value === undefined ? [] : [` ${name}=${JSON.stringify(value)}`];
  });
  return words.join('');
}
