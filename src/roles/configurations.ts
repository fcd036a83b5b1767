import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { loadCatalogue } from '../config/catalogue.ts';
import { parseJson } from '../config/json-text.ts';
import { leftOutIn, withoutSecrets, withSecrets } from '../config/left-out.ts';
import { checkAccounts } from '../config/people-file.ts';
import {
  type ConfigurationPaths,
  filesAt,
  kindOf,
  namedPaths,
  pathsOf,
  placesOf,
  textOf,
} from '../config/present-files.ts';
import type { Place } from '../config/settings.ts';
import { SETTINGS, variableOf } from '../config/settings.ts';
import { mistypedVariables } from '../config/variables.ts';
import { ConfigurationVersions } from '../config/versions.ts';
import { type Config, loadConfig } from '../config.ts';
import type { Catalogue } from '../core/catalogue.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type {
  ConfigurationFile,
  Configurations,
  ConfigurationVersion,
  FileCheck,
  FileKind,
  RestoredFile,
} from '../core/configurations.ts';
import { AppError, messageOf } from '../core/errors.ts';
import { stateDirectory } from '../core/state-directory.ts';
import { checkConfig } from '../servers/proxmox/schema.ts';
import { catalogueFiles } from './parts.ts';

/** To look at a file of accounts; what is made with it is thrown away. */
const NO_KEY = new Uint8Array(32);

/** Keeps what a manager works with as a version; undefined: it is the same as the last one. */
export function keepConfiguration(
  { state, file, catalogue, secrets }: Config,
  servers: Catalogue,
  now: number,
): ConfigurationVersion | undefined {
  const paths: ConfigurationPaths = {
    ...pathsOf({ env: { MCP_SESSION_MANAGER_STATE: state }, cwd: state }),
    ...(file === undefined ? {} : { settings: file }),
    ...(catalogue === undefined ? {} : { catalogue }),
    ...(secrets.accounts === undefined ? {} : { accounts: secrets.accounts }),
  };
  return new ConfigurationVersions(state).keep(filesAt(placesOf(paths, servers)), now);
}

/** The configurations of the manager whose state directory this process's environment names. */
export function openConfigurations(main: string): Configurations {
  const place = { env: process.env, cwd: process.cwd(), uid: process.getuid?.() };
  return configurationsAt(place, dirname(dirname(main)), systemClock);
}

/**
 * The same for any place.
 * @param root the program's own directory
 */
export function configurationsAt(place: Place, root: string, clock: Clock): Configurations {
  const kept = new ConfigurationVersions(stateDirectory(place.env));
  const places = () => kept.list().at(-1)?.files ?? placesOf(pathsOf(place), catalogueOf(place, root));
  const present = () => filesAt(places());
  const checks = () => {
    const named: Partial<Record<FileKind, string>> = namedPaths(place);
    const found = places().filter(({ kind, path }) => named[kind] === undefined && existsSync(path));
    return [...placesOf(named, new Map()), ...found].map(({ kind, path }) => look(kind, path, { place, root }));
  };
  return {
    versions: () => kept.list(),
    present,
    restored: ({ files }) => files.flatMap(restored),
    check: (file) =>
      file === undefined ? [environment(place), ...checks()] : [lookAt(resolve(place.cwd, file), { place, root })],
    keep: () =>
      checks().every(({ problems }) => problems.length === 0) ? kept.keep(present(), clock.now()) : undefined,
    mistypedVariables: () => mistypedVariables(place.env),
  };
}

/** As far as it can be read: without the operator's own servers otherwise. */
function catalogueOf(place: Place, root: string): Catalogue {
  const { catalogue } = pathsOf(place);
  const files = existsSync(catalogue) ? { catalogue } : {};
  try {
    return loadCatalogue(catalogueFiles({ state: stateDirectory(place.env), ...files }, root));
  } catch {
    return new Map();
  }
}

function restored({ kind, path, text }: ConfigurationFile): RestoredFile[] {
  const now = textOf(path);
  if (text === (now === undefined ? undefined : withoutSecrets(now))) return [];
  if (text === undefined) return [{ kind, path, missing: [], dropped: [] }];
  // What a rollback has put aside counts too, but for accounts: one that was taken away stays away.
  const aside = kind === 'accounts' ? undefined : textOf(`${path}.replaced`);
  const { text: whole, missing } = withSecrets(withSecrets(text, now).text, aside);
  if (kind !== 'accounts' || missing.length === 0) return [{ kind, path, text: whole, missing, dropped: [] }];
  const file = JSON.parse(whole) as { readonly accounts: readonly { readonly name: string }[] };
  const isLost = (account: object) => leftOutIn(JSON.stringify(account)).length > 0;
  const accounts = file.accounts.filter((account) => !isLost(account));
  const dropped = file.accounts.filter(isLost).map(({ name }) => name);
  return [{ kind, path, text: `${JSON.stringify({ ...file, accounts }, null, 2)}\n`, missing: [], dropped }];
}

function environment(place: Place): FileCheck {
  const { MCP_SESSION_MANAGER_CONFIG: _, ...env } = place.env;
  return {
    kind: 'environment',
    problems: [...problemsOf(() => loadConfig({ ...place, env })), ...mistypedVariables(env)],
  };
}

function lookAt(path: string, from: From): FileCheck {
  const text = textOf(path);
  if (text === undefined) throw new AppError('not-found', `there is no file ${path}`);
  const parsed = parseJson(text);
  return look(kindOf(path, 'value' in parsed ? parsed.value : undefined), path, from);
}

function look(kind: FileKind, path: string, from: From): FileCheck {
  return { kind, path, problems: problemsOf(() => LOOK[kind](path, from)) };
}

/** What a file may be relative to. */
interface From {
  readonly place: Place;
  readonly root: string;
}

const LOOK: Readonly<Record<FileKind, (path: string, from: From) => void>> = {
  // The file alone: what the environment says would hide what is wrong in it.
  settings: (path, { place }) => void loadConfig({ ...place, env: settingsLeftOut(place.env) }, path),
  catalogue: (path, { root }) => checkTemplates(loadCatalogue(catalogueFiles({ state: '', catalogue: path }, root))),
  accounts: (path) => checkAccounts(path, NO_KEY),
  template: checkTemplate,
};

const settingsLeftOut = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  const settings = new Set([...Object.keys(SETTINGS).map(variableOf), 'MCP_SESSION_MANAGER_STORE_PASSWORD_FILE']);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !settings.has(name)));
};

function checkTemplates(catalogue: Catalogue): void {
  for (const { name, files } of catalogue.values())
    for (const [target, template] of Object.entries(files))
      if (!existsSync(template))
        throw new AppError('config.invalid', `mcpServers.${name}.files.${target}: there is no file ${template}`);
}

function checkTemplate(path: string): void {
  const parsed = parseJson(textOf(path) ?? '');
  if ('problem' in parsed) throw new AppError('config.invalid', `${path} is not valid JSON: ${parsed.problem}`);
  if (basename(path) !== 'proxmox-config.json') return;
  const { problems } = checkConfig(parsed.value);
  if (problems.length === 0) return;
  const lines = problems.map((problem) => `\n  ${problem.path}: ${problem.message}`).join('');
  throw new AppError('config.invalid', `${path} is not valid:${lines}`);
}

function problemsOf(work: () => unknown): string[] {
  try {
    work();
    return [];
  } catch (error) {
    const [head = '', ...rest] = messageOf(error).split('\n');
    return rest.length > 0 ? rest.map((line) => line.trim()) : [head];
  }
}
