import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Place, SettingName, Values } from './config/settings.ts';
import { SETTINGS, variableOf } from './config/settings.ts';
import type { HostLimits } from './core/channel.ts';
import { AppError, messageOf } from './core/errors.ts';
import { stateDirectory } from './core/state-directory.ts';

/** All that the manager can be told, checked. One slice for each consumer. Durations in milliseconds, sizes in bytes. */
export interface Config {
  /** Directory of the manager's own state, absolute. */
  readonly state: string;
  readonly http: {
    readonly host: string;
    /** 0: any free port. */
    readonly port: number;
    /** Host names that the `Host` header may have, without port. */
    readonly allowedHosts: readonly string[];
    /** Origins, or host names of which every origin is allowed. */
    readonly allowedOrigins: readonly string[];
    readonly bodyLimitBytes: number;
  };
  readonly logLevel: Values['logLevel'];
  /** `embedded`, or the URL of a Redis server: may hold a password. */
  readonly store: string;
  /** Where the process runtime keeps its files, absolute. */
  readonly runtimeRoot: string;
  readonly sessions: {
    readonly idleTtlMs: number;
    readonly maxAgeMs: number;
    readonly workspaceRoots: readonly string[];
    readonly perOwner: number;
  };
  readonly connections: { readonly perSession: number };
  /** Full passes of the controller are this far apart. */
  readonly reconcileMs: number;
  readonly streams: {
    /** How long a request is held while its server is started or found again. */
    readonly holdMs: number;
    /** How long an answer may take before its response becomes a stream. */
    readonly streamAfterMs: number;
    /** The `retry:` of a stream: after what time a client comes back. */
    readonly retryMs: number;
    readonly heartbeatMs: number;
  };
  readonly hostLimits: HostLimits;
  /** The user's own catalogue of servers; absent: none was named. */
  readonly catalogue?: string;
}

/**
 * Reads the configuration: environment over file over defaults.
 * @param file path of a JSON file, from the command line; absent: `$MCP_SESSION_MANAGER_CONFIG`, if set
 * @throws AppError `config.invalid` that names everything that is wrong, by variable or by field and file
 */
export function loadConfig(place: Place, file = place.env.MCP_SESSION_MANAGER_CONFIG || undefined): Config {
  const problems: string[] = [];
  const fields = file === undefined ? {} : readFields(resolve(place.cwd, file), problems);
  const value = (name: SettingName): unknown => {
    const variable = variableOf(name);
    const { schema, fallback } = SETTINGS[name];
    const [raw, source] = place.env[variable]
      ? [place.env[variable], `$${variable}`]
      : Object.hasOwn(fields, name)
        ? [fields[name], `"${name}" in ${file}`]
        : [typeof fallback === 'function' ? fallback(place) : fallback, `the default of $${variable}`];
    const result = schema.safeParse(raw);
    if (!result.success) problems.push(`${source} ${result.error.issues[0]?.message}`);
    return result.data;
  };
  const names = Object.keys(SETTINGS) as SettingName[];
  const values = Object.fromEntries(names.map((name) => [name, value(name)])) as unknown as Values;
  if (values.maxAge < values.idleTtl)
    problems.push(`$${variableOf('maxAge')} (or "maxAge") must not be shorter than $${variableOf('idleTtl')}`);
  if (problems.length > 0)
    throw new AppError(
      'config.invalid',
      `The configuration is not valid (docs/configuration.md):\n  ${problems.join('\n  ')}`,
    );
  const catalogue = place.env.MCP_SESSION_MANAGER_CATALOGUE;
  return {
    ...slices(values),
    state: stateDirectory(place.env),
    ...(catalogue ? { catalogue: resolve(place.cwd, catalogue) } : {}),
  };
}

function readFields(file: string, problems: string[]): Readonly<Record<string, unknown>> {
  let fields: unknown;
  try {
    fields = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    problems.push(`the configuration file cannot be read: ${file}: ${messageOf(error)}`);
    return {};
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    problems.push(`${file} must hold one JSON object`);
    return {};
  }
  for (const name of Object.keys(fields))
    if (!Object.hasOwn(SETTINGS, name))
      problems.push(`"${name}" in ${file} is not a setting; there are: ${Object.keys(SETTINGS).join(', ')}`);
  return fields as Record<string, unknown>;
}

function slices(values: Values): Omit<Config, 'state' | 'catalogue'> {
  return {
    http: {
      host: values.host,
      port: values.port,
      allowedHosts: values.allowedHosts,
      allowedOrigins: values.allowedOrigins,
      bodyLimitBytes: values.bodyLimit,
    },
    logLevel: values.logLevel,
    store: values.store,
    runtimeRoot: values.runtimeRoot,
    sessions: {
      idleTtlMs: values.idleTtl,
      maxAgeMs: values.maxAge,
      workspaceRoots: values.workspaceRoots,
      perOwner: values.sessionsPerOwner,
    },
    connections: { perSession: values.connectionsPerSession },
    reconcileMs: values.reconcileInterval,
    streams: {
      holdMs: values.holdDeadline,
      streamAfterMs: values.streamAfter,
      retryMs: values.streamRetry,
      heartbeatMs: values.streamHeartbeat,
    },
    hostLimits: {
      logBytes: values.channelLog,
      logAgeMs: values.channelLogAge,
      keys: values.channelKeys,
      children: values.children,
      childIdleMs: values.childIdle,
      initializeMs: values.initializeTimeout,
      abandonedMs: values.abandonedAfter,
    },
  };
}
