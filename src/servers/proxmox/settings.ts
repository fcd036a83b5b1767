import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../../core/errors.ts';
import { checkConfig, type LogLevel, type Operation, type Problem, type ServerConfig } from './schema.ts';
import { type Target, targetOf } from './target.ts';

/** Name of the configuration in the session's configuration directory; its template is `config/proxmox-config.json`. */
const FILE = 'proxmox-config.json';

/** A configuration that is right in full. */
export interface Settings {
  readonly targets: ReadonlyMap<string, Target>;
  readonly defaultServer: string;
  readonly allowed: ReadonlySet<Operation>;
  readonly destructive: boolean;
  /** How many guests one call may change. */
  readonly maxGuests: number;
  /** How much storage one call may take, bytes: GB as Proxmox counts them, 2^30. */
  readonly maxStorageBytes: number;
  readonly logLevel: LogLevel;
}

/**
 * Reads the configuration in `configDir` and replaces its variables.
 * @throws AppError `config.invalid` that names the file and every field that is wrong, data `{ problems: Problem[] }`
 */
export async function loadSettings(configDir: string, variables: Readonly<Record<string, string>>): Promise<Settings> {
  const path = join(configDir, FILE);
  const { config, servers, problems: found } = checkConfig(parse(await read(path)));
  const problems: Problem[] = [...found];
  const targets = new Map<string, Target>();
  for (const [name, server] of servers) {
    const target = targetOf(name, server, variables, problems);
    if (target) targets.set(name, target);
  }
  if (config && found.length === 0 && isEmpty(variables)) throw notConfigured(variablesOf(servers.values()), problems);
  if (!config || problems.length > 0) throw invalid(problems);
  return {
    targets,
    defaultServer: config.default_server,
    allowed: new Set(config.security.allowed_operations),
    destructive: config.security.enable_destructive_operations,
    maxGuests: config.security.max_vms_per_operation,
    maxStorageBytes: config.security.max_storage_gb * 2 ** 30,
    logLevel: config.logging.level,
  };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const message = `cannot be read (${messageOf(error)}); restart the server to have it copied from its template`;
    throw invalid([{ path: '(whole file)', message }], error);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8 quotes the text around some errors; what is in the file stays there.
    const where = messageOf(error).replace(/, (\.\.\.)?".*$/s, '');
    throw invalid([{ path: '(whole file)', message: `is not JSON: ${where}` }]);
  }
}

function invalid(problems: readonly Problem[], cause?: unknown): AppError {
  const list = problems.map((problem) => `\n- ${problem.path}: ${problem.message}`).join('');
  return new AppError('config.invalid', `This session's ${FILE} is not right:${list}`, {
    data: { file: FILE, problems },
    cause,
  });
}

/** Most people who have no Proxmox meet this one, so it is short. */
function notConfigured(names: readonly string[], problems: readonly Problem[]): AppError {
  return new AppError(
    'server.unconfigured',
    `Proxmox is not configured in this terminal: export ${names.join(', ')} (a token or a password is enough), then run "mcp-session-manager init" again`,
    { data: { file: FILE, problems } },
  );
}

const isEmpty = (variables: Readonly<Record<string, string>>): boolean =>
  Object.values(variables).every((value) => value.trim() === '');

/** Names of the variables that the configuration takes its values from. */
function variablesOf(servers: Iterable<Partial<ServerConfig>>): string[] {
  const names = new Set<string>();
  for (const { host = '', username = '', realm = '', token_env_var: token, password_env_var: password } of servers) {
    for (const [, name] of `${host}${username}${realm}`.matchAll(/\$\{([^}]*)\}/g)) names.add(name as string);
    for (const name of [token, password]) if (name) names.add(name);
  }
  return [...names];
}
