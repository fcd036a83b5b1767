import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../core/errors.ts';
import { passwordIn, withPassword } from '../core/store-url.ts';
import type { Place } from './settings.ts';

/** Files that hold the deployment's secrets, absolute; absent: they are in the state directory. */
export interface SecretFiles {
  readonly key?: string;
  readonly credential?: string;
  readonly accounts?: string;
  readonly adminPassword?: string;
  readonly adminKeys?: string;
}

const VARIABLES: Readonly<Record<keyof SecretFiles, string>> = {
  key: 'MCP_SESSION_MANAGER_KEY_FILE',
  credential: 'MCP_SESSION_MANAGER_CREDENTIAL_FILE',
  accounts: 'MCP_SESSION_MANAGER_ACCOUNTS_FILE',
  adminPassword: 'MCP_SESSION_MANAGER_ADMIN_PASSWORD_FILE',
  adminKeys: 'MCP_SESSION_MANAGER_ADMIN_KEYS_FILE',
};
const STORE_PASSWORD = 'MCP_SESSION_MANAGER_STORE_PASSWORD_FILE';

/** The variables that name such files. */
export const SECRET_VARIABLES: readonly string[] = [...Object.values(VARIABLES), STORE_PASSWORD];

/** The files of secrets that the environment names, as those of containers are. */
export function secretFiles(place: Place): SecretFiles {
  const named = Object.entries(VARIABLES).flatMap(([name, variable]) => {
    const file = fileIn(place, variable);
    return file === undefined ? [] : [[name, file]];
  });
  return Object.fromEntries(named) as SecretFiles;
}

/**
 * The store's URL with the password that a file holds, if the environment names one.
 * @param problems gets what is wrong, which repeats neither
 */
export function storeOf(store: string, place: Place, problems: string[]): string {
  const file = fileIn(place, STORE_PASSWORD);
  if (file === undefined) return store;
  if (!store || store === 'embedded')
    problems.push(`$${STORE_PASSWORD} needs the URL of a Redis server in $MCP_SESSION_MANAGER_STORE`);
  else if (passwordIn(store))
    problems.push(`$${STORE_PASSWORD} and the password in $MCP_SESSION_MANAGER_STORE exclude each other`);
  else {
    try {
      return withPassword(store, readFileSync(file, 'utf8').trim());
    } catch (error) {
      problems.push(`$${STORE_PASSWORD} cannot be read: ${messageOf(error)}`);
    }
  }
  return store;
}

const fileIn = ({ env, cwd }: Place, variable: string): string | undefined =>
  env[variable] ? resolve(cwd, env[variable]) : undefined;
