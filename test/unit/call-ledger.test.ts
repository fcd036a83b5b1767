import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallLedger } from '../../src/host/call-ledger.ts';
import { type LedgerFile, openLedgerFile } from '../../src/host/ledger-file.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { KeptLog } from '../support/control-plane.ts';

const AGE = 60_000;
const KEYS = 4;

describe("a host's ledger of calls", () => {
  let directory: string;
  let path: string;
  let clock: ManualClock;
  let log: KeptLog;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ledger-'));
    path = join(directory, 'calls');
    clock = new ManualClock();
    log = new KeptLog();
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** The next host in the same place. */
  function nextHost(): CallLedger {
    const file = openLedgerFile(path);
    if (!file) throw new Error('no ledger');
    return ledgerOn(file);
  }
  const ledgerOn = (file: LedgerFile) => new CallLedger(file, { keys: KEYS, logAgeMs: AGE }, clock, log);

  it('[once] refuses what an earlier host had, in whichever order they came, and nothing else', () => {
    const first = nextHost();
    expect(first.begin('channel', 'a')).toBe(true);
    const second = nextHost();
    expect(second.begin('channel', 'b')).toBe(true);
    const third = nextHost();
    expect(['a', 'b', 'c'].map((key) => third.begin('channel', key))).toEqual([false, false, true]);
    expect(third.begin('another channel', 'a')).toBe(true);
    expect(third.begin('channela', '')).toBe(true);
  });

  it('remembers so many calls and no more', () => {
    for (const key of ['a', 'b', 'c']) nextHost().begin('channel', key);
    const last = nextHost();
    for (const key of ['d', 'e', 'f']) last.begin('channel', key);
    const next = nextHost();
    const known = ['a', 'b', 'c', 'd', 'e', 'f'].filter((key) => !next.begin('channel', key));
    expect(known).toEqual(['c', 'd', 'e', 'f']);
    expect(statSync(path).size).toBe(KEYS * 24);
  });

  it('forgets a call with the age at which a log would', () => {
    nextHost().begin('channel', 'a');
    clock.advance(AGE);
    expect(nextHost().begin('channel', 'a')).toBe(true);
  });

  it('takes what is damaged for no call, and goes on', () => {
    nextHost().begin('channel', 'a');
    writeFileSync(path, Buffer.alloc(101, 0xff), { flag: 'r+' });
    const next = nextHost();
    expect([next.begin('channel', 'a'), next.begin('channel', 'b')]).toEqual([true, true]);
    expect(nextHost().begin('channel', 'b')).toBe(false);
    expect(log.warnings).toEqual([]);
  });

  it('does without one that cannot be read or written, and says so once', () => {
    const fail = () => {
      throw new Error('no space left');
    };
    const ledger = ledgerOn({ read: fail, write: fail });
    expect([ledger.begin('channel', 'a'), ledger.begin('channel', 'b')]).toEqual([true, true]);
    expect(log.warnings).toEqual(['the ledger of calls cannot be used']);
  });

  it("is this user's alone, and never somebody else's by a link", () => {
    nextHost();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    symlinkSync(path, join(directory, 'link'));
    expect(openLedgerFile(join(directory, 'link'))).toBeUndefined();
    expect(openLedgerFile(join(directory, 'nowhere', 'calls'))).toBeUndefined();
    expect(openLedgerFile(directory)).toBeUndefined();
  });
});
