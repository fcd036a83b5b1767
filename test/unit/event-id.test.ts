import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEventId, requestEventId, standaloneEventId } from '../../src/gateway/mcp/event-id.ts';

const server = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9-]{0,31}$/);
const offset = fc.nat({ max: 2 ** 52 });

describe('event ids', () => {
  it('name a place in a request stream, and the request', () => {
    const cursor = fc.record({
      kind: fc.constant('request' as const),
      server,
      stream: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
      offset,
      request: fc.oneof(fc.string(), fc.integer()),
    });
    fc.assert(
      fc.property(cursor, (one) => {
        const id = requestEventId(one);
        expect(id).toMatch(/^[\x21-\x7e]+$/);
        expect(parseEventId(id)).toEqual(one);
      }),
    );
  });

  it('name a place in the standalone stream of each server', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(server, offset), { selector: ([name]) => name }), (entries) => {
        const offsets = new Map(entries);
        expect(parseEventId(standaloneEventId(offsets))).toEqual({ kind: 'standalone', offsets });
      }),
    );
  });

  it('[attack.21] are not made up by anybody else', () => {
    for (const text of [
      '',
      'x',
      '1',
      'a.b.c.d',
      'a.b.1.e30',
      'a.b.-1.MQ',
      'a.b.1.MQ.z',
      '*a',
      '*a:x',
      '*a:1:2',
      '../x.b.1.MQ',
    ]) {
      expect(parseEventId(text), text).toBeUndefined();
    }
    fc.assert(fc.property(fc.string(), (text) => void parseEventId(text)));
  });
});
