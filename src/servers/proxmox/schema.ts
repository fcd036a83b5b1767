import * as z from 'zod';

/** Classes of operations. A tool whose class `security.allowed_operations` does not name is not there. */
export const OPERATIONS = ['snapshot', 'backup', 'monitor', 'manage_vms', 'cleanup'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** From the most to the fewest messages. */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One thing that is wrong: a field's path (`servers.main.port`), what is wrong there, and what to do. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

const text = z.string().trim().min(1, 'is empty');
// Upper case only: a secret that is written here by mistake is refused, and not repeated as a variable's name.
const variableName = z.string().regex(/^[A-Z_][A-Z0-9_]*$/, 'is not a name made of A-Z, 0-9 and _');
const serverName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

const serverSchema = z.strictObject({
  host: text,
  username: text,
  realm: text,
  token_env_var: variableName,
  password_env_var: variableName,
  port: z.int().min(1).max(65_535),
  verify_ssl: z.boolean(),
  fingerprint_env_var: variableName.optional(),
  timeout: z.number().min(1).max(600),
});

const configSchema = z.strictObject({
  servers: z.record(serverName, serverSchema).refine((servers) => Object.keys(servers).length > 0, 'is empty'),
  default_server: text,
  security: z.strictObject({
    max_vms_per_operation: z.int().min(1),
    max_storage_gb: z.number().positive(),
    allowed_operations: z.array(z.enum(OPERATIONS)),
    enable_destructive_operations: z.boolean(),
  }),
  logging: z.strictObject({ level: z.enum(LOG_LEVELS) }),
});

/** One entry of `servers` as written: `${NAME}` in `host`, `username` and `realm` still stands for a variable. */
export type ServerConfig = z.infer<typeof serverSchema>;
/** `proxmox-config.json` as written. */
export type ProxmoxConfig = z.infer<typeof configSchema>;

/** What belongs into each field. */
const FIELDS: Readonly<Record<string, string>> = {
  servers: 'an object with an entry for each Proxmox server, name -> fields',
  host: 'the name or address of a Proxmox host, or "${PROXMOX_HOST}"',
  username: 'the name of a Proxmox user, with or without "@realm", or "${PROXMOX_USER}"',
  realm: 'the realm of the user, for example "pam" or "pve"',
  token_env_var: 'the name of the variable that holds the API token, for example "PROXMOX_TOKEN"',
  password_env_var: 'the name of the variable that holds the password, for example "PROXMOX_PASSWORD"',
  port: 'the port of the Proxmox API, 8006 unless it was changed',
  verify_ssl: 'true, or false to trust a fingerprint instead of an authority',
  fingerprint_env_var: 'the name of the variable that holds the SHA-256 fingerprint of the certificate, or left out',
  timeout: 'how long a call may take, 1 to 600 seconds',
  default_server: 'the name in "servers" that is used when a call names none',
  security: 'an object with the limits of the tools',
  max_vms_per_operation: 'how many guests one call may change, at least 1',
  max_storage_gb: 'how much storage one call may take in GB, more than 0',
  allowed_operations: `a list of ${OPERATIONS.join(', ')}`,
  enable_destructive_operations: 'true or false',
  logging: 'an object with "level"',
  level: `one of ${LOG_LEVELS.join(', ')}`,
};

/** What `checkConfig` found. */
export interface Checked {
  readonly config: ProxmoxConfig | undefined;
  /** Every entry with those fields that are right, so that their variables are checked whatever else is wrong. */
  readonly servers: ReadonlyMap<string, Partial<ServerConfig>>;
  readonly problems: readonly Problem[];
}

/** Compiling a parser takes longer than parsing one small file. */
const ONCE = { jitless: true };

/** Checks every field of a configuration, parsed from JSON. */
export function checkConfig(raw: unknown): Checked {
  const result = configSchema.safeParse(raw, ONCE);
  const problems = result.success ? [] : result.error.issues.flatMap((issue) => problemsOf(issue, raw));
  const entries = valueAt(raw, ['servers']);
  const servers = new Map<string, Partial<ServerConfig>>();
  if (isObject(entries)) {
    for (const [name, entry] of Object.entries(entries)) servers.set(name, validFields(entry));
    const preferred = valueAt(raw, ['default_server']);
    if (typeof preferred === 'string' && preferred.trim() && !Object.hasOwn(entries, preferred.trim())) {
      problems.push({ path: 'default_server', message: `is not in "servers" (${Object.keys(entries).join(', ')})` });
    }
  }
  return { config: result.data, servers, problems };
}

function validFields(entry: unknown): Partial<ServerConfig> {
  const fields = Object.entries(serverSchema.shape).flatMap(([field, schema]) => {
    const result = schema.safeParse(valueAt(entry, [field]), ONCE);
    return result.success ? [[field, result.data]] : [];
  });
  return Object.fromEntries(fields) as Partial<ServerConfig>;
}

function problemsOf(issue: z.core.$ZodIssue, raw: unknown): Problem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key].join('.'),
      message: 'is not a field of this file; remove it',
    }));
  }
  if (issue.code === 'invalid_key') {
    return [{ path: path.join('.'), message: 'must be named with letters, digits, ".", "_" and "-", 64 at most' }];
  }
  const field = FIELDS[path.findLast((part) => Object.hasOwn(FIELDS, part)) ?? ''];
  const named = path.length === 2 && path[0] === 'servers' ? 'an object with the fields of a Proxmox server' : field;
  const what = valueAt(raw, path) === undefined ? 'is missing' : issue.message;
  return [{ path: path.join('.') || '(whole file)', message: named ? `${what}; it must be ${named}` : what }];
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined), value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
