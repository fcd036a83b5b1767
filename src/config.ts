import { resolve } from 'node:path';
import { lineAt } from './config/json-text.ts';
import { type SecretFiles, secretFiles, storeOf } from './config/secret-files.ts';
import type { Place, SettingName, Values } from './config/settings.ts';
import { SETTINGS, variableOf } from './config/settings.ts';
import { NO_SETTINGS, readSettings } from './config/settings-file.ts';
import type { HostLimits } from './core/channel.ts';
import { AppError } from './core/errors.ts';
import { stateDirectory } from './core/state-directory.ts';

/** All that the manager can be told, checked. One slice for each consumer. Durations in milliseconds, sizes in bytes. */
export interface Config {
  /** Directory of the manager's own state, absolute. */
  readonly state: string;
  /** The file that settings came from, absolute; absent: none was named. */
  readonly file?: string;
  readonly http: {
    readonly host: string;
    /** 0: any free port. */
    readonly port: number;
    /** Host names that the `Host` header may have, without port. */
    readonly allowedHosts: readonly string[];
    /** Origins, or host names of which every origin is allowed. */
    readonly allowedOrigins: readonly string[];
    readonly bodyLimitBytes: number;
    /** Balancers whose `X-Forwarded-For` is believed. */
    readonly trustedProxies: readonly string[];
  };
  /** Where metrics are shown; port 0: nowhere. */
  readonly metrics: {
    readonly host: string;
    readonly port: number;
    /** Time between two rounds in which the controller asks hosts how they are. */
    readonly surveyMs: number;
  };
  /** Where spans are posted to, and the part of the traces begun here that is; absent: there are none. */
  readonly traces?: { readonly url: string; readonly ratio: number };
  readonly logLevel: Values['logLevel'];
  readonly secrets: SecretFiles;
  /** `embedded`, or the URL of a Redis server: may hold a password. */
  readonly store: string;
  /** Where the process runtime keeps its files, absolute. */
  readonly runtimeRoot: string;
  /** Where instances run. */
  readonly runtime: Values['runtime'];
  readonly docker: {
    /** Path of the engine's socket, absolute. */
    readonly engineSocket: string;
    /** Whose containers are whose. */
    readonly deployment: string;
    readonly image: string;
    /** Where the instances' sockets are, absolute. */
    readonly socketRoot: string;
    /** Group id of these sockets. */
    readonly group: number;
    /** What an instance may use if the catalogue does not say. */
    readonly limits: { readonly memoryBytes: number; readonly cpus: number; readonly pids: number };
    /** Whether the catalogue may give a server a network. */
    readonly allowBridge: boolean;
  };
  readonly kubernetes: {
    /** Where instances' Pods are. */
    readonly namespace: string;
    readonly deployment: string;
    readonly image: string;
    readonly imagePullSecrets: readonly string[];
    /** User and group of instances, and the group of what they leave to their successors. */
    readonly user: number;
    readonly group: number;
    readonly serviceAccount: string;
    /** Empty: none is named; so with the claims. */
    readonly priorityClass: string;
    /** What an instance may use if the catalogue does not say, and what is set aside for it. */
    readonly limits: { readonly memoryBytes: number; readonly cpus: number };
    readonly requests: { readonly memoryBytes: number; readonly cpus: number };
    readonly allowBridge: boolean;
    /** The claim with workspaces, which may hold `{owner}`, and where it is seen, absolute. */
    readonly workspaces: { readonly claim: string; readonly root: string };
    /** The claim with what instances leave to their successors, and where the controller sees it, absolute. */
    readonly stateClaim: string;
    readonly stateRoot: string;
  };
  readonly sessions: {
    readonly idleTtlMs: number;
    readonly maxAgeMs: number;
    readonly workspaceRoots: readonly string[];
    readonly perOwner: number;
    /** New ones of one owner within a minute. */
    readonly perMinute: number;
    /** When the servers of a new session are started, if its terminal does not say. */
    readonly start: Values['start'];
  };
  readonly instances: {
    /** An instance that nobody used for this long is ended; 0: never. */
    readonly idleMs: number;
    /** How many may run at once, and of one owner. */
    readonly inAll: number;
    readonly perOwner: number;
    /** Starts that may wait for a place. */
    readonly queue: number;
    /** Starts that may be in progress at the same time. */
    readonly startsAtOnce: number;
  };
  readonly connections: { readonly perSession: number };
  /** Full passes of the controller are this far apart. */
  readonly reconcileMs: number;
  /** How long the lease of a controller that died keeps others waiting (role `controller`). */
  readonly leaseTtlMs: number;
  /** How long a replica that was asked to end goes on serving (role `gateway`). */
  readonly drainMs: number;
  /** The egress proxy: role `egress`, and whoever leads instances to it. */
  readonly egress: {
    /** Path of its Unix socket, absolute. */
    readonly socket: string;
    /** Connections that one instance may have at once. */
    readonly connections: number;
    /** A connection over which nothing went for this long is closed. */
    readonly idleMs: number;
    readonly allowLoopback: boolean;
  };
  readonly streams: {
    /** How long a request is held while its server is started or found again. */
    readonly holdMs: number;
    /** How long an answer may take before its response becomes a stream. */
    readonly streamAfterMs: number;
    /** The `retry:` of a stream: after what time a client comes back. */
    readonly retryMs: number;
    readonly heartbeatMs: number;
  };
  /** A session's token may be given in the path. */
  readonly tokenInPath: boolean;
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
  const path = file === undefined ? undefined : resolve(place.cwd, file);
  const { fields, text } = path === undefined ? NO_SETTINGS : readSettings(path, problems);
  const value = (name: SettingName): unknown => {
    const variable = variableOf(name);
    const { schema, fallback } = SETTINGS[name];
    const [raw, source] = place.env[variable]
      ? [place.env[variable], `$${variable}`]
      : Object.hasOwn(fields, name)
        ? [fields[name], `${lineAt(text, [name])}"${name}" in ${file}`]
        : [typeof fallback === 'function' ? fallback(place) : fallback, `the default of $${variable}`];
    const result = schema.safeParse(raw);
    if (!result.success) problems.push(`${source} ${result.error.issues[0]?.message}`);
    return result.data;
  };
  const names = Object.keys(SETTINGS) as SettingName[];
  const values = Object.fromEntries(names.map((name) => [name, value(name)])) as unknown as Values;
  if (values.maxAge < values.idleTtl)
    problems.push(`$${variableOf('maxAge')} (or "maxAge") must not be shorter than $${variableOf('idleTtl')}`);
  const store = storeOf(values.store, place, problems);
  if (problems.length > 0)
    throw new AppError(
      'config.invalid',
      `The configuration is not valid (docs/configuration.md):\n  ${problems.join('\n  ')}`,
    );
  const catalogue = place.env.MCP_SESSION_MANAGER_CATALOGUE;
  return {
    ...slices(values),
    store,
    secrets: secretFiles(place),
    state: stateDirectory(place.env),
    ...(path === undefined ? {} : { file: path }),
    ...(catalogue ? { catalogue: resolve(place.cwd, catalogue) } : {}),
  };
}

function slices(values: Values): Omit<Config, 'state' | 'file' | 'catalogue' | 'secrets'> {
  return {
    http: {
      host: values.host,
      port: values.port,
      allowedHosts: values.allowedHosts,
      allowedOrigins: values.allowedOrigins,
      bodyLimitBytes: values.bodyLimit,
      trustedProxies: values.trustedProxies,
    },
    metrics: { host: values.metricsHost, port: values.metricsPort, surveyMs: values.surveyInterval },
    ...(values.tracesUrl === 'off' ? {} : { traces: { url: values.tracesUrl, ratio: values.tracesRatio } }),
    logLevel: values.logLevel,
    store: values.store,
    runtimeRoot: values.runtimeRoot,
    runtime: values.runtime,
    docker: dockerSlice(values),
    kubernetes: kubernetesSlice(values),
    sessions: {
      idleTtlMs: values.idleTtl,
      maxAgeMs: values.maxAge,
      workspaceRoots: values.workspaceRoots,
      perOwner: values.sessionsPerOwner,
      perMinute: values.sessionsPerMinute,
      start: values.start,
    },
    instances: {
      idleMs: values.instanceIdle,
      inAll: values.instances,
      perOwner: values.instancesPerOwner,
      queue: values.startQueue,
      startsAtOnce: values.startsAtOnce,
    },
    connections: { perSession: values.connectionsPerSession },
    reconcileMs: values.reconcileInterval,
    leaseTtlMs: values.leaseTtl,
    drainMs: values.drain,
    egress: {
      socket: values.egressSocket,
      connections: values.egressConnections,
      idleMs: values.egressIdle,
      allowLoopback: values.egressAllowLoopback,
    },
    streams: {
      holdMs: values.holdDeadline,
      streamAfterMs: values.streamAfter,
      retryMs: values.streamRetry,
      heartbeatMs: values.streamHeartbeat,
    },
    tokenInPath: values.tokenInPath,
    hostLimits: {
      logBytes: values.channelLog,
      logAgeMs: values.channelLogAge,
      keys: values.channelKeys,
      children: values.children,
      childIdleMs: values.childIdle,
      initializeMs: values.initializeTimeout,
      parkedMs: values.questionTimeout,
      abandonedMs: values.abandonedAfter,
    },
  };
}

function dockerSlice(values: Values): Config['docker'] {
  return {
    engineSocket: values.dockerSocket,
    deployment: values.deployment,
    image: values.image,
    socketRoot: values.socketRoot,
    group: values.socketGroup,
    limits: { memoryBytes: values.instanceMemory, cpus: values.instanceCpus, pids: values.instancePids },
    allowBridge: values.allowBridge,
  };
}

function kubernetesSlice(values: Values): Config['kubernetes'] {
  return {
    namespace: values.namespace,
    deployment: values.deployment,
    image: values.image,
    imagePullSecrets: values.imagePullSecrets,
    user: values.instanceUser,
    group: values.socketGroup,
    serviceAccount: values.instanceServiceAccount,
    priorityClass: values.instancePriority,
    limits: { memoryBytes: values.instanceMemory, cpus: values.instanceCpus },
    requests: { memoryBytes: values.instanceMemoryRequest, cpus: values.instanceCpuRequest },
    allowBridge: values.allowBridge,
    workspaces: { claim: values.workspaceClaim, root: values.workspaceMount },
    stateClaim: values.stateClaim,
    stateRoot: values.stateRoot,
  };
}
