import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadKeys } from '../../src/config/keys.ts';
import { readManagerFile, removeManagerFile, writeManagerFile } from '../../src/config/manager-file.ts';

let root: string;
let state: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'keys-'));
  state = join(root, 'a', 'state');
});
afterEach(() => rmSync(root, { recursive: true }));

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('keys', () => {
  it('are made once, for this user alone', () => {
    const made = loadKeys(state);
    expect(made.key).toHaveLength(32);
    expect(made.credential).toMatch(/^[\w-]{43}$/);
    expect(loadKeys(state)).toEqual(made);
    expect(modeOf(state)).toBe(0o700);
    expect([modeOf(join(state, 'key')), modeOf(join(state, 'credential'))]).toEqual([0o600, 0o600]);
    expect(readdirSync(state).sort()).toEqual(['credential', 'key']);
  });

  it('differ between deployments', () => {
    expect(loadKeys(state).credential).not.toBe(loadKeys(join(root, 'b')).credential);
  });

  it.each([
    ['the directory', '', 0o750, '700'],
    ['the key', 'key', 0o640, '600'],
    ['the credential', 'credential', 0o604, '600'],
  ])('are refused when %s is open to others', (_what, name, mode, needed) => {
    loadKeys(state);
    chmodSync(join(state, name), mode);
    expect(() => loadKeys(state)).toThrow(`open to other users (mode ${mode.toString(8)}): run chmod ${needed} '`);
  });

  it('are refused when damaged, with what to do', () => {
    loadKeys(state);
    writeFileSync(join(state, 'key'), 'short');
    expect(() => loadKeys(state)).toThrow(`${join(state, 'key')} must hold 32 bytes: restore it, or delete it`);
    rmSync(join(state, 'key'));
    writeFileSync(join(state, 'credential'), '');
    expect(() => loadKeys(state)).toThrow(`${join(state, 'credential')} must hold one line`);
  });

  it('are never taken through a link', () => {
    mkdirSync(state, { recursive: true, mode: 0o700 });
    writeFileSync(join(root, 'elsewhere'), 'x'.repeat(32), { mode: 0o600 });
    symlinkSync(join(root, 'elsewhere'), join(state, 'key'));
    expect(() => loadKeys(state)).toThrow('must be a file, not a link');
  });

  it('come from files of their own, whoever these belong to, and then the state directory is not needed', () => {
    const credential = join(root, 'credential');
    writeFileSync(credential, `${'c'.repeat(40)}\n`, { mode: 0o644 });
    const key = Buffer.from(Array.from({ length: 32 }, (_, n) => 200 - n));
    for (const written of [key, `${key.toString('hex')}\n`, key.toString('base64'), `${key.toString('base64url')}\n`]) {
      const file = join(root, 'key');
      writeFileSync(file, written);
      const loaded = loadKeys(state, { key: file, credential });
      expect(loaded.credential).toBe('c'.repeat(40));
      expect(Buffer.from(loaded.key)).toEqual(key);
    }
    expect(existsSync(state)).toBe(false);
  });

  it('say what is wrong with a file of their own', () => {
    const file = join(root, 'secret');
    expect(() => loadKeys(state, { key: file })).toThrow(`The secret ${file} cannot be read: ENOENT`);
    writeFileSync(file, 'short');
    expect(() => loadKeys(state, { key: file })).toThrow(`${file} must hold 32 bytes`);
    expect(() => loadKeys(state, { credential: file })).toThrow(`${file} must hold one line of 32 to 512`);
  });

  it('say that a directory cannot be made', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => loadKeys(join(root, 'file', 'state'))).toThrow(/cannot be made: ENOTDIR/);
  });
});

describe('manager.json', () => {
  it('is there while its manager is, and is removed by that one only', () => {
    loadKeys(state);
    expect(readManagerFile(state)).toBeUndefined();
    writeManagerFile(state, { url: 'http://127.0.0.1:1', pid: 1 });
    writeManagerFile(state, { url: 'http://127.0.0.1:2', pid: 2 });
    removeManagerFile(state, 1);
    expect(readManagerFile(state)).toEqual({ url: 'http://127.0.0.1:2', pid: 2 });
    removeManagerFile(state, 2);
    expect(readdirSync(state).sort()).toEqual(['credential', 'key']);
  });
});
