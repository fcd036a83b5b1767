import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameDecoder } from '../../src/core/frame.ts';

describe('frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const frame = fc.record({
      head: fc.dictionary(fc.string(), fc.jsonValue()),
      payload: fc.uint8Array({ maxLength: 300 }),
    });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 200 })),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.map(({ head, payload }) => encodeFrame(head, payload)));
          const out: { head: object; payload: Uint8Array }[] = [];
          const decoder = new FrameDecoder(1000);
          for (let at = 0; at < bytes.length; ) {
            const size = cuts.next().value as number;
            decoder.push(bytes.subarray(at, at + size), (head: object, payload) =>
              out.push({ head, payload: new Uint8Array(payload) }),
            );
            at += size;
          }
          const expected = frames.map(({ head, payload }) => ({ head: JSON.parse(JSON.stringify(head)), payload }));
          expect(out.map(({ payload }) => payload)).toEqual(expected.map(({ payload }) => payload));
          expect(JSON.stringify(out.map(({ head }) => head))).toBe(JSON.stringify(expected.map(({ head }) => head)));
        },
      ),
    );
  });

  it('refuses a payload above the limit before it has come', () => {
    const start = encodeFrame({}, Buffer.alloc(1001)).subarray(0, 20);
    expect(() => new FrameDecoder(1000).push(start, () => {})).toThrow(RangeError);
  });

  it('encodes text as UTF-8', () => {
    let text = '';
    new FrameDecoder(100).push(encodeFrame({}, 'grüße'), (_head, payload) => {
      text = payload.toString();
    });
    expect(text).toBe('grüße');
  });
});
