import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LEDGER, type Slot, Slots } from '../../src/runtime/slots.ts';
import { sessionRecord } from '../support/records.ts';

describe('the directory of an instance', () => {
  let root: string;
  let slots: Slots;
  let slot: Slot;
  let ledger: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sockets-'));
    slots = new Slots({ root, group: process.getgid?.() ?? 0, settings: { root: 'socketRoot', group: 'socketGroup' } });
    slot = slots.find(`${sessionRecord(0).id}/files`) as Slot;
    slots.prepare(slot);
    ledger = join(slot.directory, LEDGER);
    writeFileSync(ledger, 'calls');
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(root, { recursive: true });
  });

  it('[once] keeps the ledger for the next instance', () => {
    slots.close(slot);
    slots.remove(slot);
    slots.prepare(slot);
    expect(readFileSync(ledger, 'utf8')).toBe('calls');
    slots.forget(slot.session);
    expect(existsSync(slot.directory)).toBe(false);
  });

  it("has no ledger that an instance has put there: its owner could write to it, and fill the machine's disk", () => {
    vi.spyOn(process, 'geteuid').mockReturnValue((process.geteuid?.() ?? 0) + 1); // to whom it does not belong
    slots.close(slot);
    expect(readFileSync(ledger, 'utf8')).toBe('');
  });
});
