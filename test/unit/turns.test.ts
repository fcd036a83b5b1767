import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/runtime/turns.ts';

describe('turns', () => {
  it('run one after another under one key, and at once under two', async () => {
    const turns = new Turns();
    const steps: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = turns.run('a', async () => {
      await gate.promise;
      steps.push('a1');
    });
    const second = turns.run('a', async () => void steps.push('a2'));
    await turns.run('b', async () => void steps.push('b'));
    gate.resolve();
    await Promise.all([first, second]);
    expect(steps).toEqual(['b', 'a1', 'a2']);
  });

  it('go on after one that failed, and return what theirs returns', async () => {
    const turns = new Turns();
    const first = turns.run('a', () => Promise.reject(new Error('broken')));
    const second = turns.run('a', async () => 2);
    await expect(first).rejects.toThrow('broken');
    expect(await second).toBe(2);
  });

  it('are cancelled if they came before, and not if after', async () => {
    const turns = new Turns();
    const reason = new Error('stop');
    const seen = (signal: AbortSignal) => Promise.resolve(signal.reason);
    const [running, waiting] = [turns.run('a', seen), turns.run('a', seen)];
    turns.cancel('a', reason);
    turns.cancel('b', reason);
    const later = turns.run('a', seen);
    expect(await Promise.all([running, waiting, later])).toEqual([reason, reason, undefined]);
  });
});
