import type { z } from 'zod';
import { AppError } from '../core/errors.ts';
import { lineAt, parseJson } from './json-text.ts';

/**
 * A JSON file that holds secrets, checked.
 * @throws AppError `config.invalid` that names every field that is wrong, and no value
 */
export function parseSecretFile<T extends z.ZodType>(file: string, bytes: Uint8Array, schema: T): z.output<T> {
  const text = Buffer.from(bytes).toString('utf8');
  const parsed = parseJson(text);
  if ('problem' in parsed) throw new AppError('config.invalid', `${file} is not valid JSON: ${parsed.problem}`);
  const result = schema.safeParse(parsed.value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) =>
      `${lineAt(text, issue.path)}${issue.path.map(String).join('.') || '(top)'} ${issue.code === 'unrecognized_keys' ? `has unknown fields: ${issue.keys.join(', ')}` : issue.message}`,
  );
  throw new AppError('config.invalid', `${file} is not valid:\n  ${problems.join('\n  ')}`);
}
