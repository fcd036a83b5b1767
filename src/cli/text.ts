import { stripVTControlCharacters } from 'node:util';

/** `text` for a terminal: without control characters, which could move the cursor or set the title. Newlines stay. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '?');
}

/** `value` as JSON for a terminal: JSON itself escapes the control characters below U+0020 only (RFC 8259, section 7). */
export const printableJson = (value: unknown, indent = 2): string =>
  JSON.stringify(value, null, indent).replace(/[\x7f-\x9f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);

/** `printable` on one line. */
export const oneLine = (text: string): string => printable(text).replace(/\s+/g, ' ').trim();

/** Columns as wide as their widest cell, two spaces between; colours have no width. */
export function table(rows: readonly (readonly string[])[]): string {
  const width = (cell = '') => stripVTControlCharacters(cell).length;
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => width(row[column]))));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - width(cell))))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** `milliseconds` in its two largest units: `45s`, `3m 20s`, `2h 5m`, `4d 1h`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  const minutes = Math.floor(seconds / 60);
  if (seconds < 86_400) return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
  return `${Math.floor(minutes / 1440)}d ${Math.floor((minutes % 1440) / 60)}h`;
}

/** Bytes in MiB. */
export const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
