import { describe, expect, it } from 'vitest';
import { Instances } from '../../src/controller/instances.ts';
import type { Instance, Runtime } from '../../src/core/runtime.ts';

/** A runtime whose instances have this log. */
const withLog = (...lines: string[]): Runtime =>
  ({
    async *logs() {
      yield* lines;
    },
  }) as Partial<Runtime> as Runtime;
const tail = (...lines: string[]) => new Instances(withLog(...lines)).tail({ id: 'x' } as Instance);

describe('the last words of an instance', () => {
  it('are what its server wrote, what broke its host, and nothing of what a host says all the time', async () => {
    const said = await tail(
      '{"level":"info","message":"host ends: it was asked to"}',
      '{"level":"info","stderr":true,"message":"no such luck"}',
      '{"level":"error","message":"host fails: out of something"}',
      'node: bad option',
      '{"not":"a log entry"}',
    );
    expect(said).toBe('no such luck\nhost fails: out of something\nnode: bad option\n{"not":"a log entry"}');
  });

  it('are none where there is nothing to say', async () => {
    expect(await tail()).toBeUndefined();
    expect(await tail('{"level":"info","message":"host ends: it was asked to"}')).toBeUndefined();
  });
});
