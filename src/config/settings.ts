import { availableParallelism, homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { isStoreUrl } from '../core/store-url.ts';
import { absolutePath, decimal, duration, flag, integer, list, size, text } from './values.ts';

/** Where the manager runs: what some defaults depend on. */
export interface Place {
  readonly env: NodeJS.ProcessEnv;
  /** The directory that the manager was started in. */
  readonly cwd: string;
  /** The user's id; undefined where there are none (Windows). */
  readonly uid: number | undefined;
}

interface Setting<T extends z.ZodType> {
  readonly schema: T;
  /** In the form of the file; passes through the schema as well. */
  readonly fallback: string | number | readonly string[] | ((place: Place) => string | readonly string[]);
}

const setting = <T extends z.ZodType>(schema: T, fallback: Setting<T>['fallback']): Setting<T> => ({
  schema,
  fallback,
});

/** Host names of this machine's loopback interface, as `URL.hostname` words them. */
const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

const storeName = text.refine((value) => value === 'embedded' || isStoreUrl(value), {
  error:
    'must be "embedded" or the URL of a Redis server: redis://HOST:PORT or rediss://HOST:PORT, of its Sentinels: redis+sentinel://HOST:PORT,HOST:PORT/NAME, or of a Redis Cluster: redis+cluster://HOST:PORT,HOST:PORT',
});
const hostName = text.toLowerCase().regex(/^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9.-]+)$/, {
  error: 'must hold host names without scheme and port, such as localhost or [::1]',
});
const origin = text
  .toLowerCase()
  .refine((value) => hostName.safeParse(value).success || URL.parse(value)?.origin === value, {
    error: 'must hold origins (https://example.org) or host names (any scheme and port of that host)',
  });

const proxy = text.regex(/^(loopback|linklocal|uniquelocal|[0-9a-fA-F.:]+(\/\d{1,3})?)$/, {
  error: 'must hold addresses or networks (10.0.0.0/8), or loopback, linklocal, uniquelocal',
});

const collector = text.refine((value) => value === 'off' || /^https?:$/.test(URL.parse(value)?.protocol ?? ''), {
  error: 'must be "off" or the URL to which traces are posted, such as http://collector:4318/v1/traces',
});

/** Of an object in Kubernetes. */
const OBJECT_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const objectName = text.regex(OBJECT_NAME, { error: 'must be the name of an object in Kubernetes' });
/** Empty: there is none. */
const optionalName = z.union([z.literal(''), objectName], { error: 'must be the name of an object in Kubernetes' });
const claimName = z
  .string({ error: 'must be a text' })
  .refine((value) => value === '' || OBJECT_NAME.test(value.replace('{owner}', 'owner')), {
    error: 'must be the name of a PersistentVolumeClaim, which may hold {owner}',
  });

const deploymentName = text.regex(/^[a-z0-9][a-z0-9-]{0,31}$/, {
  error: 'must begin with a small letter or a digit and hold only these and "-", at most 32',
});

/**
 * Every setting: its name in the file; the name of its variable is `variableOf` that. docs/configuration.md has one line
 * for each (a test compares).
 */
export const SETTINGS = {
  host: setting(text, '127.0.0.1'),
  port: setting(integer(0, 65_535), 8900),
  allowedHosts: setting(list(',', hostName), LOOPBACK),
  allowedOrigins: setting(list(',', origin), LOOPBACK),
  bodyLimit: setting(size('1KiB'), '16MiB'),
  trustedProxies: setting(list(',', proxy), () => []),
  metricsHost: setting(text, '127.0.0.1'),
  metricsPort: setting(integer(0, 65_535), 0),
  tracesUrl: setting(collector, 'off'),
  tracesRatio: setting(decimal(0, 1), 1),
  logLevel: setting(
    z.enum(['debug', 'info', 'warn', 'error'], { error: 'must be one of debug, info, warn, error' }),
    'info',
  ),
  store: setting(storeName, 'embedded'),
  runtimeRoot: setting(absolutePath, ({ env, uid }) =>
    env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, 'mcp-sessions') : `/tmp/mcp-sessions-${uid ?? 0}`,
  ),
  runtime: setting(
    z.enum(['process', 'docker', 'kubernetes'], { error: 'must be "process", "docker" or "kubernetes"' }),
    'process',
  ),
  dockerSocket: setting(absolutePath, '/var/run/docker.sock'),
  deployment: setting(deploymentName, 'mcp-session-manager'),
  image: setting(text, 'mcp-session-manager'),
  socketRoot: setting(absolutePath, '/run/mcp-session-manager'),
  socketGroup: setting(integer(0, 2 ** 31 - 1), () => String(process.getegid?.() ?? 0)),
  instanceMemory: setting(size('64MiB', '1024GiB'), '1GiB'),
  instanceCpus: setting(decimal(0.01, 1024), () => String(Math.min(2, availableParallelism()))),
  instancePids: setting(integer(16, 1_000_000), 256),
  allowBridge: setting(flag, 'false'),
  namespace: setting(objectName, 'mcp-sessions'),
  instanceUser: setting(integer(1, 2 ** 31 - 1), 1000),
  instanceMemoryRequest: setting(size('16MiB', '1024GiB'), '128MiB'),
  instanceCpuRequest: setting(decimal(0.001, 1024), '0.05'),
  instanceServiceAccount: setting(objectName, 'default'),
  instancePriority: setting(optionalName, () => ''),
  imagePullSecrets: setting(list(',', objectName), () => []),
  workspaceClaim: setting(claimName, () => ''),
  workspaceMount: setting(absolutePath, '/workspaces'),
  stateClaim: setting(optionalName, () => ''),
  stateRoot: setting(absolutePath, '/var/lib/mcp-session-manager'),
  idleTtl: setting(duration('1s'), '30m'),
  maxAge: setting(duration('1s'), '24h'),
  workspaceRoots: setting(list(delimiter, absolutePath), ({ env, cwd }) => [env.HOME || homedir(), tmpdir(), cwd]),
  sessionsPerOwner: setting(integer(1, 100_000), 200),
  sessionsPerMinute: setting(integer(1, 1_000_000), 600),
  connectionsPerSession: setting(integer(1, 100_000), 1000),
  reconcileInterval: setting(duration('100ms'), '5s'),
  surveyInterval: setting(duration('100ms'), '15s'),
  leaseTtl: setting(duration('500ms'), '5s'),
  drain: setting(duration('0ms'), '10s'),
  egressSocket: setting(absolutePath, '/run/mcp-session-manager/egress/egress.sock'),
  egressConnections: setting(integer(1, 10_000), 64),
  egressIdle: setting(duration('1s'), '10m'),
  egressAllowLoopback: setting(flag, 'false'),
  start: setting(z.enum(['init', 'first-use'], { error: 'must be "init" or "first-use"' }), 'init'),
  instanceIdle: setting(duration('0ms'), '30m'),
  instances: setting(integer(1, 100_000), 1000),
  instancesPerOwner: setting(integer(1, 100_000), 1000),
  startQueue: setting(integer(0, 100_000), 200),
  startsAtOnce: setting(integer(1, 100_000), () => String(4 * availableParallelism())),
  holdDeadline: setting(duration('1s'), '30s'),
  streamAfter: setting(duration('0ms'), '1s'),
  streamRetry: setting(duration('0ms'), '5s'),
  streamHeartbeat: setting(duration('1s'), '15s'),
  channelLog: setting(size('64KiB'), '8MiB'),
  channelLogAge: setting(duration('1m'), '1h'),
  channelKeys: setting(integer(16, 1_000_000), 4096),
  children: setting(integer(1, 1000), 16),
  childIdle: setting(duration('1s'), '10m'),
  initializeTimeout: setting(duration('1s'), '20s'),
  questionTimeout: setting(duration('1s'), '15m'),
  tokenInPath: setting(flag, 'false'),
  abandonedAfter: setting(duration('1m'), '40m'),
} as const;

export type SettingName = keyof typeof SETTINGS;
/** All settings with their values. */
export type Values = { readonly [K in SettingName]: z.output<(typeof SETTINGS)[K]['schema']> };

/** The environment variable of a setting: `idleTtl` -> `MCP_SESSION_MANAGER_IDLE_TTL`. */
export function variableOf(name: string): string {
  return `MCP_SESSION_MANAGER_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
