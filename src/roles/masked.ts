import type { Config } from '../config.ts';
import { withoutPasswords } from '../core/store-url.ts';

/** The configuration as operators may see it: with no secret in it. Files of secrets are named, not read. */
export function masked(config: Config): Readonly<Record<string, unknown>> {
  const { store, traces } = config;
  return {
    ...config,
    store: withoutPasswords(store),
    ...(traces ? { traces: { ...traces, url: withoutAccess(traces.url) } } : {}),
  };
}

/** Collectors take a key as the user, as the password or in the query. */
function withoutAccess(text: string): string {
  const url = new URL(text);
  for (const part of ['username', 'password', 'search'] as const) if (url[part] !== '') url[part] = '***';
  return url.href;
}
