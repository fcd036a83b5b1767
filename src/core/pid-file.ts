import { isServerName, isSessionId } from './ids.ts';
import type { InstanceLabels } from './runtime.ts';
import type { ProcessIdentity } from './session.ts';

/**
 * A pid file: who a running instance of the process runtime is, in three lines: its pid, its start time as the operating
 * system words it, and its labels as JSON.
 */
export interface PidFile {
  readonly process: ProcessIdentity;
  readonly labels: InstanceLabels;
}

/** The content of a pid file. */
export function formatPidFile(file: PidFile): string {
  return `${file.process.pid}\n${file.process.startedAt}\n${JSON.stringify(file.labels)}\n`;
}

/** Reads the content of a pid file; undefined if it is not a whole one. */
export function parsePidFile(text: string): PidFile | undefined {
  const [pid = '', startedAt = '', json = '', end] = text.split('\n');
  const labels = parseLabels(json);
  if (!/^[1-9]\d{0,9}$/.test(pid) || !startedAt || !labels || end !== '') return undefined;
  return { process: { pid: Number(pid), startedAt }, labels };
}

/** Reads labels from JSON; undefined if one is missing or of the wrong type. */
export function parseLabels(json: string): InstanceLabels | undefined {
  let labels: Partial<Record<keyof InstanceLabels, unknown>> | null;
  try {
    labels = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof labels !== 'object' || labels === null) return undefined;
  const { session, server, owner, nonce, incarnation, epoch, deadline } = labels;
  if (typeof session !== 'string' || !isSessionId(session)) return undefined;
  if (typeof server !== 'string' || !isServerName(server)) return undefined;
  if (typeof owner !== 'string' || typeof nonce !== 'string') return undefined;
  if (!Number.isInteger(incarnation) || !Number.isInteger(epoch) || !Number.isFinite(deadline)) return undefined;
  return { session, server, owner, nonce, incarnation, epoch, deadline } as InstanceLabels;
}
