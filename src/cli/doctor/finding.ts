/** What one check has found. */
export interface Finding {
  /** Such as `gateway`. */
  readonly check: string;
  /** `skipped`: it could not be looked at, or is not needed here. */
  readonly status: 'ok' | 'warning' | 'problem' | 'skipped';
  readonly text: string;
  /** What to do; absent: nothing. */
  readonly remedy?: string;
}

export const ok = (check: string, text: string): Finding => ({ check, status: 'ok', text });
export const skipped = (check: string, text: string): Finding => ({ check, status: 'skipped', text });
export const warning = (check: string, text: string, remedy: string): Finding => ({
  check,
  status: 'warning',
  text,
  remedy,
});
export const problem = (check: string, text: string, remedy: string): Finding => ({
  check,
  status: 'problem',
  text,
  remedy,
});
