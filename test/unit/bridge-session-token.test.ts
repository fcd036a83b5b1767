import { describe, expect, it } from 'vitest';
import { SessionToken } from '../../src/cli/bridge/session-token.ts';
import { settle } from '../fakes/fake-clock.ts';

const { signal } = new AbortController();

/** Tokens `1`, `2`, ...: the next one each time. */
function counted() {
  let made = 0;
  const token = new SessionToken(async () => String(++made));
  return { token, made: () => made };
}

describe('the token of the session', () => {
  it('is got once for all who ask', async () => {
    const { token, made } = counted();
    expect(await Promise.all([token.current(signal), token.current(signal)])).toEqual(['1', '1']);
    expect(await token.current(signal)).toBe('1');
    expect(made()).toBe(1);
  });

  it('is another one when it was refused, however many it was refused to', async () => {
    const { token, made } = counted();
    await token.current(signal);
    token.refuse('1');
    expect(token.value).toBeUndefined();
    expect(await token.current(signal)).toBe('2');
    token.refuse('1');
    expect(await token.current(signal)).toBe('2');
    expect(made()).toBe(2);
  });

  it('is not made for what only waits for one', async () => {
    const { token, made } = counted();
    const waiting = token.available(signal);
    await settle();
    expect(made()).toBe(0);
    await token.current(signal);
    expect(await waiting).toBe('1');
    expect(await token.available(signal)).toBe('1');
  });

  it('is not waited for when the signal aborts', async () => {
    const stop = new AbortController();
    const token = new SessionToken(() => new Promise<string>(() => {}));
    const asked = expect(token.current(stop.signal)).rejects.toThrow('enough');
    const waiting = expect(token.available(stop.signal)).rejects.toThrow('enough');
    stop.abort(new Error('enough'));
    await Promise.all([asked, waiting]);
    await expect(token.available(stop.signal)).rejects.toThrow('enough');
  });

  it('is asked for again after a failure', async () => {
    let fails = true;
    const token = new SessionToken(async () => {
      if (fails) throw new Error('not there');
      return 'here';
    });
    await expect(token.current(signal)).rejects.toThrow('not there');
    fails = false;
    expect(await token.current(signal)).toBe('here');
  });

  it('is given up when the last one who waits for it has gone, and got anew for the next', async () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const signals: AbortSignal[] = [];
    const token = new SessionToken((given) => {
      signals.push(given);
      return signals.length === 1 ? new Promise<string>(() => {}) : Promise.resolve('second');
    });
    const asked = [one, two].map((stop) => expect(token.current(stop.signal)).rejects.toThrow('enough'));
    one.abort(new Error('enough'));
    await asked[0];
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    two.abort(new Error('enough'));
    await asked[1];
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(await token.current(signal)).toBe('second');
  });
});
