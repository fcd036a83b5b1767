import type { z } from 'zod';
import { AppError } from '../core/errors.ts';

/**
 * A JSON file that holds secrets, checked.
 * @throws AppError `config.invalid` that names every field that is wrong, and no value
 */
export function parseSecretFile<T extends z.ZodType>(file: string, bytes: Uint8Array, schema: T): z.output<T> {
  let written: unknown;
  try {
    written = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw new AppError('config.invalid', `${file} is not valid JSON`); // the parser's words would repeat what is in it
  }
  const result = schema.safeParse(written);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) =>
      `${issue.path.map(String).join('.') || '(top)'} ${issue.code === 'unrecognized_keys' ? `has unknown fields: ${issue.keys.join(', ')}` : issue.message}`,
  );
  throw new AppError('config.invalid', `${file} is not valid:\n  ${problems.join('\n  ')}`);
}
