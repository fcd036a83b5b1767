import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Catalogue } from '../core/catalogue.ts';
import { type ConfigurationFile, FILE_KINDS, type FileKind } from '../core/configurations.ts';
import { stateDirectory } from '../core/state-directory.ts';
import { withoutSecrets } from './left-out.ts';

/** Where a manager's configuration is. */
export interface ConfigurationPaths {
  /** Absent: it was given none. */
  readonly settings?: string;
  readonly catalogue: string;
  readonly accounts: string;
}

/** An environment, and what its paths are relative to. */
interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

const VARIABLES = {
  settings: 'MCP_SESSION_MANAGER_CONFIG',
  catalogue: 'MCP_SESSION_MANAGER_CATALOGUE',
  accounts: 'MCP_SESSION_MANAGER_ACCOUNTS_FILE',
} as const;

/** What the environment names: a manager that it is given to does not start without. */
export function namedPaths({ env, cwd }: Surroundings): Partial<ConfigurationPaths> {
  const named = Object.entries(VARIABLES).flatMap(([kind, name]) =>
    env[name] ? [[kind, resolve(cwd, env[name])]] : [],
  );
  return Object.fromEntries(named) as Partial<ConfigurationPaths>;
}

/** Where the environment says that it is. */
export function pathsOf(place: Surroundings): ConfigurationPaths {
  const state = stateDirectory(place.env);
  return { catalogue: join(state, 'catalogue.json'), accounts: join(state, 'accounts.json'), ...namedPaths(place) };
}

/** The files that are watched over: those of templates are known from the catalogue. Only JSON: in it secrets can be told. */
export function placesOf(
  paths: Partial<ConfigurationPaths>,
  catalogue: Catalogue,
): readonly Pick<ConfigurationFile, 'kind' | 'path'>[] {
  const templates = new Set([...catalogue.values()].flatMap(({ files }) => Object.values(files)));
  const own = FILE_KINDS.flatMap((kind) => {
    const path = kind === 'template' ? undefined : paths[kind];
    return path === undefined ? [] : [{ kind, path }];
  });
  return [
    ...own,
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
