import { readFileSync } from 'node:fs';
import { messageOf } from '../core/errors.ts';
import { lineAt, parseJson } from './json-text.ts';
import { leftOutIn } from './left-out.ts';
import { SETTINGS } from './settings.ts';

/** What a file of settings holds. */
export interface WrittenSettings {
  /** By name; the values are not checked. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The file as it is, to say where something is. */
  readonly text: string;
}

export const NO_SETTINGS: WrittenSettings = { fields: {}, text: '' };

/**
 * Reads a file of settings; what is none of them it refuses.
 * @param file path, as messages name it
 * @param problems gets what is wrong
 */
export function readSettings(file: string, problems: string[]): WrittenSettings {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    problems.push(`the configuration file cannot be read: ${file}: ${messageOf(error)}`);
    return NO_SETTINGS;
  }
  const parsed = parseJson(text);
  if ('problem' in parsed) {
    problems.push(`the configuration file cannot be read: ${file}: ${parsed.problem}`);
    return NO_SETTINGS;
  }
  const fields = parsed.value;
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    problems.push(`${file} must hold one JSON object`);
    return NO_SETTINGS;
  }
  for (const place of leftOutIn(text))
    problems.push(`"${place}" in ${file} is a secret that was not kept: write it there`);
  for (const name of Object.keys(fields))
    if (!Object.hasOwn(SETTINGS, name))
      problems.push(
        `${lineAt(text, [name])}"${name}" in ${file} is not a setting; there are: ${Object.keys(SETTINGS).join(', ')}`,
      );
  return { fields: fields as Record<string, unknown>, text };
}
