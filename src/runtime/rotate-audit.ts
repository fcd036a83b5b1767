import { lstatSync, renameSync, rmSync } from 'node:fs';
import { AUDIT_BYTES } from '../core/audit-log.ts';

/**
 * Puts a large audit file aside, as `{path}.1`, before an instance is started: the instance itself cannot, since it may not
 * write to the directory. The one that was there goes; what is begun next says so (host/audit-file.ts).
 */
export function rotateAudit(path: string): void {
  const size = lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size < AUDIT_BYTES.rotate) return;
  rmSync(`${path}.1`, { recursive: true, force: true });
  renameSync(path, `${path}.1`);
}
