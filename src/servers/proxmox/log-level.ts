import type { Logger } from '../../core/logger.ts';
import { LOG_LEVELS, type LogLevel } from './schema.ts';

/** `log` without what is below `level` (`logging.level` of the configuration). */
export function atLevel(log: Logger, level: LogLevel): Logger {
  const least = LOG_LEVELS.indexOf(level);
  const from = (own: LogLevel, write: (fields: object, message: string) => void) =>
    LOG_LEVELS.indexOf(own) >= least ? write : () => {};
  return {
    debug: from('DEBUG', (fields, message) => log.debug(fields, message)),
    info: from('INFO', (fields, message) => log.info(fields, message)),
    warn: from('WARN', (fields, message) => log.warn(fields, message)),
    error: from('ERROR', (fields, message) => log.error(fields, message)),
    child: (fields) => atLevel(log.child(fields), level),
  };
}
