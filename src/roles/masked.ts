import type { Config } from '../config.ts';
import { withoutPasswords } from '../core/store-url.ts';

/** The configuration as operators may see it: with no secret in it. Files of secrets are named, not read. */
export function masked(config: Config): Readonly<Record<string, unknown>> {
  return { ...config, store: withoutPasswords(config.store) };
}
