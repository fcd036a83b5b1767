import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Catalogue } from '../core/catalogue.ts';
import type { ConfigurationFile, FileKind } from '../core/configurations.ts';
import { stateDirectory } from '../core/state-directory.ts';
import { withoutSecrets } from './left-out.ts';

/** Where a manager's configuration is. */
export interface ConfigurationPaths {
  /** Absent: it was given none. */
  readonly settings?: string;
  readonly catalogue: string;
  readonly accounts: string;
}

/** Where the environment says that it is. */
export function pathsOf({ env, cwd }: { readonly env: NodeJS.ProcessEnv; readonly cwd: string }): ConfigurationPaths {
  const named = (name: string) => (env[name] ? resolve(cwd, env[name]) : undefined);
  const settings = named('MCP_SESSION_MANAGER_CONFIG');
  const state = stateDirectory(env);
  return {
    ...(settings === undefined ? {} : { settings }),
    catalogue: named('MCP_SESSION_MANAGER_CATALOGUE') ?? join(state, 'catalogue.json'),
    accounts: named('MCP_SESSION_MANAGER_ACCOUNTS_FILE') ?? join(state, 'accounts.json'),
  };
}

/** The files that are watched over: those of templates are known from the catalogue. Only JSON: in it secrets can be told. */
export function placesOf(
  paths: ConfigurationPaths,
  catalogue: Catalogue,
): readonly Pick<ConfigurationFile, 'kind' | 'path'>[] {
  const templates = new Set([...catalogue.values()].flatMap(({ files }) => Object.values(files)));
  return [
    ...(paths.settings === undefined ? [] : [{ kind: 'settings' as const, path: paths.settings }]),
    { kind: 'catalogue', path: paths.catalogue },
    { kind: 'accounts', path: paths.accounts },
    ...[...templates].filter((path) => path.endsWith('.json')).map((path) => ({ kind: 'template' as const, path })),
  ];
}

/** As they are now, without their secrets. */
export function filesAt(places: readonly Pick<ConfigurationFile, 'kind' | 'path'>[]): readonly ConfigurationFile[] {
  return places.map(({ kind, path }) => {
    const text = textOf(path);
    return { kind, path, ...(text === undefined ? {} : { text: withoutSecrets(text) }) };
  });
}

/** Undefined: it is not there. */
export const textOf = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

/** What a file is, by what is in it. */
export function kindOf(path: string, value: unknown): FileKind {
  const has = (name: string) => typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  if (has('mcpServers') || basename(path) === 'catalogue.json') return 'catalogue';
  if (has('accounts') || has('oidc') || basename(path) === 'accounts.json') return 'accounts';
  return has('default_server') || basename(path) === 'proxmox-config.json' ? 'template' : 'settings';
}
