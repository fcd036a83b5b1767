import { describe, expect, it } from 'vitest';
import type { LogLine } from '../../src/core/api.ts';
import { LogRing } from '../../src/host/log-ring.ts';
import { ServerLog } from '../../src/host/server-log.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { FakeClock } from '../fakes/fake-clock.ts';

const line = (text: string, time = 1): LogLine => ({ time, server: 's', stream: 'stderr', text });

describe('the ring of a log', () => {
  it('has the last lines, by number, by time, and from behind one', () => {
    const ring = new LogRing();
    for (let n = 1; n <= 5; n++) ring.add(line(`${n}`, n * 10));
    const texts = (query: Parameters<LogRing['lines']>[0]) => ring.lines(query).map(({ line: { text } }) => text);
    expect(texts({})).toEqual(['1', '2', '3', '4', '5']);
    expect(texts({ tail: 2 })).toEqual(['4', '5']);
    expect(texts({ tail: 0 })).toEqual([]);
    expect(texts({ since: 30 })).toEqual(['3', '4', '5']);
    expect(texts({ since: 30, tail: 9 })).toEqual(['3', '4', '5']);
    expect(texts({ after: ring.lines({})[3]?.n as number })).toEqual(['5']);
  });

  it('forgets the oldest lines, never the last one, and goes on numbering', () => {
    const ring = new LogRing(1000);
    for (let n = 0; n < 100; n++) ring.add(line('x'.repeat(80)));
    expect(ring.lines({}).map(({ n }) => n)).toEqual([96, 97, 98, 99, 100]);
    ring.add(line('x'.repeat(5000)));
    expect(ring.lines({}).map(({ n }) => n)).toEqual([101]);
  });

  it('tells who follows, until told not to', () => {
    const ring = new LogRing();
    const heard: string[] = [];
    ring.add(line('before'));
    const following = ring.follow(({ line: { text } }) => void heard.push(text));
    ring.add(line('now'));
    following[Symbol.dispose]();
    ring.add(line('after'));
    expect(heard).toEqual(['now']);
  });
});

describe('the log of a server', () => {
  function opened() {
    const clock = new FakeClock();
    const written: Record<string, unknown>[] = [];
    const write = (text: string) => void written.push(JSON.parse(text));
    const inner = createLogger({ level: 'debug', destination: { write } });
    const log = new ServerLog(new LogRing(), inner, clock);
    log.belongsTo('proxmox', { PROXMOX_HOST: 'pve.example.org', PROXMOX_TOKEN: 'hunter2hunter2', SHORT_KEY: 'a' });
    const said = () => log.ring.lines({}).map(({ line: { level, text } }) => [level, text]);
    return { clock, written, log, said };
  }

  it('has no line of a secret that has several, no rest of one that holds another, and none that is cut', () => {
    const { log, written } = opened();
    const key = ['-----BEGIN KEY-----', 'MIIEvQIBADANBg', 'kqhkiG9w0BAQEF', '-----END KEY-----'].join('\n');
    log.belongsTo('proxmox', { SSH_KEY: `${key}\r\n`, TOKEN: 'hunter', LONG_TOKEN: 'hunter-and-more' });
    log.stderr(key);
    log.stderr('it is hunter-and-more');
    log.stderr(`${'x'.repeat(8186)}hunter-and-more`);
    const all = JSON.stringify([log.ring.lines({}), written]);
    for (const part of ['MIIEvQ', 'kqhkiG9w', 'hunter', 'and-more']) expect(all).not.toContain(part);
  });

  it('has the lines that the server wrote, each for itself, and so has the instance', () => {
    const { log, written } = opened();
    log.stderr('one\r\ntwo\n\n');
    expect(log.ring.lines({}).map(({ line }) => line)).toEqual([
      { time: expect.any(Number), server: 'proxmox', stream: 'stderr', text: 'one' },
      { time: expect.any(Number), server: 'proxmox', stream: 'stderr', text: 'two' },
    ]);
    expect(written).toMatchObject([
      { stderr: true, message: 'one' },
      { stderr: true, message: 'two' },
    ]);
  });

  it('has what the host says, with its fields, but for those that may hold secrets', () => {
    const { log, said } = opened();
    log.warn({ failures: 2, reason: 'it "died"', token: 'hunter3', variables: { a: 1 } }, 'server failed');
    log.child({ tool: 'list' }).error({ err: new Error('no answer') }, 'tool failed');
    expect(said()).toEqual([
      ['warn', 'server failed failures=2 reason="it \\"died\\""'],
      ['error', 'tool failed tool="list" err="no answer"'],
    ]);
  });

  it("takes the session's secrets out, wherever a server repeats them", () => {
    const { log, written, said } = opened();
    log.stderr('login at pve.example.org with hunter2hunter2 failed\n');
    log.info({ reason: 'hunter2hunter2 is wrong' }, 'x hunter2hunter2');
    log.add({ server: 'proxmox', level: 'info', text: 'my token is hunter2hunter2' });
    expect(JSON.stringify(said())).not.toContain('hunter2');
    expect(JSON.stringify(written)).not.toContain('hunter2');
    expect(said()[0]).toEqual([undefined, 'login at pve.example.org with [redacted] failed']);
  });

  it('has more, or less, for as long as somebody wants it', async () => {
    const { log, clock, said, written } = opened();
    log.debug({}, 'not yet');
    log.set({ level: 'debug', until: clock.now() + 60_000 });
    log.debug({ request: 'r1' }, 'now');
    await clock.advance(60_000);
    log.debug({}, 'no more');
    log.set({ level: 'error', until: clock.now() + 60_000 });
    log.info({}, 'hidden');
    log.stderr('the server is not asked');
    log.error({}, 'seen');
    expect(said()).toEqual([
      ['debug', 'now request="r1"'],
      [undefined, 'the server is not asked'],
      ['error', 'seen'],
    ]);
    expect(written).toHaveLength(3);
  });

  it('cuts lines that are too long', () => {
    const { log, said } = opened();
    log.stderr('x'.repeat(100_000));
    expect(String(said()[0]?.[1]).length).toBeLessThan(9000);
  });
});
