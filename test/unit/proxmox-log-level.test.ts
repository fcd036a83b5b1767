import { expect, it } from 'vitest';
import type { Logger } from '../../src/core/logger.ts';
import { atLevel } from '../../src/servers/proxmox/log-level.ts';
import { LOG_LEVELS } from '../../src/servers/proxmox/schema.ts';

it.each([
  ['DEBUG', ['debug', 'info', 'warn', 'error']],
  ['INFO', ['info', 'warn', 'error']],
  ['WARN', ['warn', 'error']],
  ['ERROR', ['error']],
] as const)('%s lets through %j, also of a child', (level, expected) => {
  const through: string[] = [];
  const write = (name: string) => () => void through.push(name);
  const log: Logger = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  for (const limited of [atLevel(log, level), atLevel(log, level).child({})]) {
    through.length = 0;
    for (const name of LOG_LEVELS) limited[name.toLowerCase() as 'debug' | 'info' | 'warn' | 'error']({}, 'text');
    expect(through).toEqual(expected);
  }
});
