import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../../core/errors.ts';
import { checkConfig, type LogLevel, type Operation, type Problem } from './schema.ts';
import { type Target, targetOf } from './target.ts';

/** Name of the configuration in the session's configuration directory; its template is `config/proxmox-config.json`. */
const FILE = 'proxmox-config.json';

/** A configuration that is right in full. */
export interface Settings {
  readonly targets: ReadonlyMap<string, Target>;
  readonly defaultServer: string;
  readonly allowed: ReadonlySet<Operation>;
  readonly logLevel: LogLevel;
}

/**
 * Reads the configuration in `configDir` and replaces its variables.
 * @throws AppError `config.invalid` that names the file and every field that is wrong, data `{ problems: Problem[] }`
 */
export async function loadSettings(configDir: string, variables: Readonly<Record<string, string>>): Promise<Settings> {
  const path = join(configDir, FILE);
  const { config, servers, problems: found } = checkConfig(parse(await read(path), path));
  const problems: Problem[] = [...found];
  const targets = new Map<string, Target>();
  for (const [name, server] of servers) {
    const target = targetOf(name, server, variables, problems);
    if (target) targets.set(name, target);
  }
  if (!config || problems.length > 0) throw invalid(path, problems);
  return {
    targets,
    defaultServer: config.default_server,
    allowed: new Set(config.security.allowed_operations),
    logLevel: config.logging.level,
  };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const message = `cannot be read (${messageOf(error)}); restart the server to have it copied from its template`;
    throw invalid(path, [{ path: '(whole file)', message }], error);
  }
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8 quotes the text around some errors; what is in the file stays there.
    const where = messageOf(error).replace(/, (\.\.\.)?".*$/s, '');
    throw invalid(path, [{ path: '(whole file)', message: `is not JSON: ${where}` }]);
  }
}

function invalid(path: string, problems: readonly Problem[], cause?: unknown): AppError {
  const list = problems.map((problem) => `\n- ${problem.path}: ${problem.message}`).join('');
  return new AppError('config.invalid', `The Proxmox configuration ${path} is not right:${list}`, {
    data: { file: FILE, problems },
    cause,
  });
}
