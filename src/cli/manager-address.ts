import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../core/errors.ts';
import { stateDirectory } from '../core/state-directory.ts';

/**
 * Where the manager is: `$MCP_SESSION_MANAGER_URL`, else what the running one wrote into `manager.json` of the state
 * directory. Without a slash at the end. There is no default: at the usual port may be another user's manager, which must
 * not be shown this owner's credential. Throws `manager.unreachable` if none runs, `config.invalid` if it is no HTTP URL.
 */
export function managerUrl(env: NodeJS.ProcessEnv): string {
  if (env.MCP_SESSION_MANAGER_URL) return checked(env.MCP_SESSION_MANAGER_URL, '$MCP_SESSION_MANAGER_URL');
  const file = join(stateDirectory(env), 'manager.json');
  const text = readIfThere(file);
  if (text === undefined) {
    throw new AppError(
      'manager.unreachable',
      `the manager is not running: there is no ${file}. Start it with 'npm start' in the project's folder, ` +
        "or set MCP_SESSION_MANAGER_STATE to the manager's state directory",
    );
  }
  return checked(urlIn(text), file);
}

/** The owner's credential, which the manager makes at its first start. Throws `auth.missing` if there is none. */
export function ownerCredential(env: NodeJS.ProcessEnv): string {
  const directory = stateDirectory(env);
  const credential = readIfThere(join(directory, 'credential'))?.trim();
  if (credential) return credential;
  throw new AppError(
    'auth.missing',
    `there is no owner's credential in ${directory}: the manager makes it when it starts for the first time. ` +
      "Run 'npm start' in the project's folder, or set MCP_SESSION_MANAGER_STATE to the manager's state directory",
  );
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new AppError('config.invalid', `cannot read ${file} (${code}): make it readable for you, or remove it`);
  }
}

function urlIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { url?: unknown }).url;
  } catch {
    return undefined;
  }
}

function checked(text: unknown, source: string): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href.replace(/\/+$/, '');
  throw new AppError(
    'config.invalid',
    `${source} does not hold the manager's address: it must be like http://127.0.0.1:8900`,
  );
}
