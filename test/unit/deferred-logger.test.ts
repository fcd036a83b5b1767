import { describe, expect, it } from 'vitest';
import type { Logger } from '../../src/core/logger.ts';
import { DeferredLogger } from '../../src/telemetry/deferred-logger.ts';

function recorder(prefix = ''): Logger & { readonly said: string[] } {
  const said: string[] = [];
  const note = (level: string) => (_fields: object, message: string) => void said.push(`${prefix}${level} ${message}`);
  const child = (fields: object): Logger => {
    const one = recorder(`${JSON.stringify(fields)} `);
    const info: Logger['info'] = (own, message) => {
      one.info(own, message);
      said.push(one.said.at(-1) as string);
    };
    return { ...one, info };
  };
  return { said, debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error'), child };
}

describe('deferred logger', () => {
  it('loads once, with the first entry, and keeps the order', async () => {
    const log = recorder();
    let loads = 0;
    const deferred = new DeferredLogger(async () => {
      loads += 1;
      return log;
    });
    expect(loads).toBe(0);
    deferred.info({}, 'one');
    deferred.error({}, 'two');
    deferred.child({ a: 1 }).info({}, 'three');
    await deferred.flush();
    await new Promise((resolve) => setImmediate(resolve));
    expect(loads).toBe(1);
    expect(log.said).toEqual(['info one', 'error two', '{"a":1} info three']);
  });

  it('loses an entry, not the process, when it cannot be loaded', async () => {
    const deferred = new DeferredLogger(async () => {
      throw new Error('no');
    });
    deferred.warn({}, 'lost');
    await expect(deferred.flush()).rejects.toThrow('no');
  });
});
