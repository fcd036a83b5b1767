import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LEDGER, type Slot, Sockets } from '../../src/runtime/docker/sockets.ts';
import { sessionRecord } from '../support/records.ts';

describe("the directory of an instance's socket", () => {
  let root: string;
  let sockets: Sockets;
  let slot: Slot;
  let ledger: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sockets-'));
    sockets = new Sockets(root, process.getgid?.() ?? 0);
    slot = sockets.find(`${sessionRecord(0).id}/files`) as Slot;
    sockets.prepare(slot);
    ledger = join(slot.directory, LEDGER);
    writeFileSync(ledger, 'calls');
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(root, { recursive: true });
  });

  it('[once] keeps the ledger for the next instance', () => {
    sockets.close(slot);
    sockets.remove(slot);
    sockets.prepare(slot);
    expect(readFileSync(ledger, 'utf8')).toBe('calls');
    sockets.forget(slot.session);
    expect(existsSync(slot.directory)).toBe(false);
  });

  it("has no ledger that an instance has put there: its owner could write to it, and fill the machine's disk", () => {
    vi.spyOn(process, 'geteuid').mockReturnValue((process.geteuid?.() ?? 0) + 1); // to whom it does not belong
    sockets.close(slot);
    expect(readFileSync(ledger, 'utf8')).toBe('');
  });
});
