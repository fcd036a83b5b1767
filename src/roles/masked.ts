import type { Config } from '../config.ts';

/** The configuration as operators may see it: with no secret in it. Files of secrets are named, not read. */
export function masked(config: Config): Readonly<Record<string, unknown>> {
  const url = URL.parse(config.store);
  if (!url?.password) return { ...config };
  url.password = '***';
  return { ...config, store: url.href };
}
