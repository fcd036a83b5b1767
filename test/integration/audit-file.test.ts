import { appendFile, link, lstat, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AUDIT_BYTES, type AuditLog } from '../../src/core/audit-log.ts';
import { openAuditFile } from '../../src/host/audit-file.ts';
import { rotateAudit } from '../../src/runtime/rotate-audit.ts';

const clock = { now: () => 0 };
const ROTATED = '{"time":"1970-01-01T00:00:00.000Z","event":"rotated"}';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'audit-'));
  path = join(directory, 'audit');
});
afterEach(() => rm(directory, { recursive: true }));

/** As the next host does, when its runtime has prepared its place. */
function next(): AuditLog {
  rotateAudit(path);
  const file = openAuditFile(path, clock);
  if (!file) throw new Error('there is no file');
  return file;
}

it('[proxmox.audit] a host goes on behind what those before it wrote, also behind half a line', async () => {
  await Promise.all(['1', '2'].map((line) => next().append(line)));
  await appendFile(path, '{"half');
  await next().append('3');
  expect(await next().lines()).toEqual([
    expect.stringMatching(/^[12]$/),
    expect.stringMatching(/^[12]$/),
    '{"half',
    '3',
  ]);
  expect((await lstat(path)).mode & 0o777).toBe(0o600);
});

it('[proxmox.audit] nothing is written but behind what is there, whoever else has written meanwhile', async () => {
  const first = next();
  await first.append('1');
  await next().append('2');
  await first.append('3');
  expect(await readFile(path, 'utf8')).toBe('1\n2\n3\n');
});

it('[proxmox.audit] a large file is put aside at the next start, and the new one says so; two are kept', async () => {
  await next().append('first');
  await truncate(path, AUDIT_BYTES.rotate);
  const second = next();
  await second.append('second');
  expect((await readFile(path, 'utf8')).split('\n')).toEqual([ROTATED, 'second', '']);
  expect((await second.lines())[0]).toBe('first');
  await truncate(path, AUDIT_BYTES.rotate);
  const third = next();
  expect((await third.lines()).filter((line) => !line.startsWith('\0'))).toEqual([ROTATED, 'second', ROTATED]);
});

it('[proxmox.audit] a file that is full takes nothing new, but the end of what has begun', async () => {
  const file = next();
  expect(file.full).toBe(false);
  await truncate(path, AUDIT_BYTES.full);
  expect(file.full).toBe(true);
  await file.append('the end');
  expect((await file.lines()).at(-1)).toMatch(/the end$/);
  expect(next().full).toBe(false);
});

it('[proxmox.audit] there is none where somebody has put a link, by name or of the file itself', async () => {
  const other = join(directory, 'other');
  await writeFile(other, 'other');
  await symlink(other, path);
  expect(openAuditFile(path, clock)).toBeUndefined();
  await rm(path);
  await link(other, path);
  expect(openAuditFile(path, clock)).toBeUndefined();
  expect(openAuditFile(join(directory, 'nowhere', 'audit'), clock)).toBeUndefined();
  expect(await readFile(other, 'utf8')).toBe('other');
});
