/** Bounds of one file of an `AuditLog`, bytes. */
export const AUDIT_BYTES = {
  /** A file of this size makes room for a new one when the next instance is started. */
  rotate: 4 << 20,
  /** With as much in it nothing more is begun. */
  full: 8 << 20,
} as const;

/**
 * Lines of a server that outlive its instances: they go with the session. Lines can be added, and neither changed nor taken
 * back. One file is begun anew where it has grown large; that one and the one before it are kept.
 */
export interface AuditLog {
  /** Nothing more is to be begun; the end of what has begun is still taken. */
  readonly full: boolean;
  /** Adds one line. Resolves when it is on the disk, rejects if it could not be written. */
  append(line: string): Promise<void>;
  /** All that is there, oldest first, of earlier instances too. A file that is not the first begins with `ROTATED`. */
  lines(): Promise<string[]>;
}

/** `event` of the line that a new file begins with, where there was one before: `{"time": ISO 8601, "event": "rotated"}`. */
export const ROTATED = 'rotated';
