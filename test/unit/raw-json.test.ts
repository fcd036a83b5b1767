import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewritten } from '../../src/gateway/mcp/raw-json.ts';

describe('JSON that is passed on with something in it changed', () => {
  it('is what it would be, had it been parsed and written again, however it was written', () => {
    const space = fc.constantFrom(undefined, 1, '\t', '  ');
    const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
    const nothing = { noNullPrototype: true } as const;
    fc.assert(
      fc.property(object, fc.dictionary(fc.string(), fc.integer(), nothing), space, (params, changes, indent) => {
        const text = JSON.stringify({ id: 1, params, 'x"}': ['\\"', 1.5e3] }, null, indent);
        const changed = { ...JSON.parse(text), params: { ...JSON.parse(text).params, ...changes } };
        expect(JSON.parse(rewritten(text, ['params'], changes))).toEqual(JSON.parse(JSON.stringify(changed)));
      }),
    );
  });

  it('keeps what is beside the change as it was written, to the last digit', () => {
    const text =
      '{ "params" : { "name":"a", "n": 12345678901234567890,"e":1.50E+2,"t":"\\u0041\\\\" } , "id" : [ 1 ] }';
    expect(rewritten(text, ['params'], { name: 'b' })).toBe(
      '{"params":{"name":"b","n":12345678901234567890,"e":1.50E+2,"t":"\\u0041\\\\"},"id":[ 1 ]}',
    );
  });

  it('has of a name that is there several times the last, as JSON.parse does', () => {
    expect(rewritten('{"a":1,"a":2,"\\u0061":3}', [], {})).toBe('{"a":3}');
    expect(rewritten('{"p":{"x":1},"p":{"y":2}}', ['p'], { z: 3 })).toBe('{"p":{"y":2,"z":3}}');
  });

  it('gets what it lacks, and loses what is taken away', () => {
    expect(rewritten('{}', ['params', '_meta'], { a: 1 })).toBe('{"params":{"_meta":{"a":1}}}');
    for (const other of ['"{"', '"{\\"b\\":1}"', '[{"b":1}]', 'null', '1'])
      expect(rewritten(`{"_meta":${other}}`, ['_meta'], { a: 1 })).toBe('{"_meta":{"a":1}}');
    expect(rewritten('{"a":{},"b":[{}],"c":null}', [], { b: undefined, d: undefined })).toBe('{"a":{},"c":null}');
  });
});
