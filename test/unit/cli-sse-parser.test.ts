import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseParser } from '../../src/cli/bridge/sse-parser.ts';

const parse = (...chunks: string[]) => {
  const parser = new SseParser();
  const data = chunks.flatMap((chunk) => parser.push(Buffer.from(chunk)));
  return { data, id: parser.lastEventId, retryMs: parser.retryMs };
};

describe('event stream', () => {
  it('reads data, ids and retry', () => {
    const stream = 'retry: 250\nid: 1\ndata: \n\n: comment\nevent: message\nid: 2\ndata: {"a":1}\n\n';
    expect(parse(stream)).toEqual({ data: ['{"a":1}'], id: '2', retryMs: 250 });
  });

  it('joins data lines, and takes one space away', () => {
    expect(parse('data:  a\ndata:b\ndata\n\n').data).toEqual([' a\nb\n']);
  });

  it('does not count an event that is not complete', () => {
    expect(parse('id: 1\ndata: a\n\nid: 2\ndata: b\n')).toMatchObject({ data: ['a'], id: '1' });
  });

  it('keeps the last id through events without one', () => {
    expect(parse('id: 1\ndata: a\n\ndata: b\n\n')).toMatchObject({ data: ['a', 'b'], id: '1' });
  });

  it.each(['\n', '\r\n', '\r'])('reads the same with line ends %j, however it is cut', (end) => {
    const stream = ['﻿id: é1', 'data: {"text":"ü – 漢字 😀"}', '', ':x', 'data: 2', 'data: 3', '', ''].join(end);
    const bytes = Buffer.from(stream);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const parser = new SseParser();
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const data = edges.slice(1).flatMap((edge, i) => parser.push(bytes.subarray(edges[i], edge)));
        expect(data).toEqual(['{"text":"ü – 漢字 😀"}', '2\n3']);
        expect(parser.lastEventId).toBe('é1');
      }),
    );
  });
});
