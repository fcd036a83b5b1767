import { isIPv6 } from 'node:net';
import { type Credential, isPlaceholder, tokenOf, userIdOf } from './credential.ts';
import type { Problem, ServerConfig } from './schema.ts';

/** One Proxmox server: an entry of `servers` with its variables replaced. */
export interface Target {
  readonly name: string;
  /** `https://host:port`. */
  readonly origin: string;
  readonly verifySsl: boolean;
  /** SHA-256 fingerprint that the certificate must have, in upper case with colons. */
  readonly fingerprint?: string;
  /** How long one call may take, retries included, milliseconds. */
  readonly timeoutMs: number;
  readonly credential: Credential;
}

type Variables = Readonly<Record<string, string>>;
type Report = (field: keyof ServerConfig, message: string) => void;

const HOST = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const NO_HOST = 'is not a host; write its name or address alone, without "https://", port or path';
const TEMPLATE_VARIABLES = ['PROXMOX_HOST', 'PROXMOX_USER', 'PROXMOX_TOKEN', 'PROXMOX_PASSWORD'];

/**
 * Replaces the variables of one entry and chooses its credential: the API token if its variable is set, else the
 * password. One of the two is enough; the other's variable may be unset or hold a placeholder.
 * @param config the fields whose form is right; the lack of another has been reported
 * @param problems where everything that is wrong is added; if anything is, the result is undefined
 */
export function targetOf(
  name: string,
  config: Partial<ServerConfig>,
  variables: Variables,
  problems: Problem[],
): Target | undefined {
  const report: Report = (field, message) => problems.push({ path: `servers.${name}.${field}`, message });
  const host = hostOf(config, variables, report);
  const user = userOf(config, variables, report);
  const credential = credentialOf(config, variables, user, report);
  const fingerprint = fingerprintOf(config, variables, report);
  const { port, timeout, verify_ssl: verifySsl } = config;
  if (!host || !user || !credential || !port || !timeout || verifySsl === undefined) return undefined;
  if (fingerprint === null) return undefined;
  const target = { name, origin: `https://${host}:${port}`, verifySsl, timeoutMs: timeout * 1000, credential };
  return fingerprint === undefined ? target : { ...target, fingerprint };
}

/** The fingerprint that is pinned, undefined if none is; null, and reported, if the variable holds something else. */
function fingerprintOf(
  { fingerprint_env_var: name }: Partial<ServerConfig>,
  variables: Variables,
  report: Report,
): string | undefined | null {
  if (name === undefined || lackOf(name, variables)) return undefined;
  const digits = variableIn(name, variables)?.trim().replaceAll(':', '').toUpperCase() ?? '';
  if (/^[0-9A-F]{64}$/.test(digits)) return digits.replace(/..(?=.)/g, '$&:');
  report(
    'fingerprint_env_var',
    `the value of variable ${name} is no SHA-256 fingerprint (64 hexadecimal digits, colons as you like); Proxmox shows it under node > System > Certificates`,
  );
  return null;
}

/** The host as it stands in a URL. */
function hostOf(config: Partial<ServerConfig>, variables: Variables, report: Report): string | undefined {
  const host = expand('host', config, variables, report)?.replace(/^\[(.*)\]$/, '$1');
  if (host === undefined || HOST.test(host)) return host;
  if (isIPv6(host)) return `[${host}]`;
  report('host', NO_HOST);
  return undefined;
}

function userOf(config: Partial<ServerConfig>, variables: Variables, report: Report): string | undefined {
  const username = expand('username', config, variables, report);
  const realm = expand('realm', config, variables, report);
  if (username === undefined || realm === undefined) return undefined;
  const user = userIdOf(username, realm);
  if (user === undefined) report('username', 'does not make a Proxmox user "user@realm" with its realm');
  return user;
}

/** A field's text with every `${NAME}` replaced. Undefined, and reported, if a variable or the whole is no real value. */
function expand(
  field: 'host' | 'username' | 'realm',
  config: Partial<ServerConfig>,
  variables: Variables,
  report: Report,
): string | undefined {
  let complete = true;
  const text = config[field]?.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
    const lack = lackOf(name, variables);
    if (lack) {
      complete = false;
      report(field, `variable ${name} ${lack}; ${howToSet(name)}`);
    }
    return variableIn(name, variables)?.trim() ?? '';
  });
  if (!complete || text === undefined) return undefined;
  if (!isPlaceholder(text)) return text;
  report(
    field,
    `still holds the placeholder "${text}"; put in the real value or a variable such as "\${PROXMOX_HOST}"`,
  );
  return undefined;
}

function credentialOf(
  config: Partial<ServerConfig>,
  variables: Variables,
  user: string | undefined,
  report: Report,
): Credential | undefined {
  const { token_env_var: tokenName, password_env_var: passwordName } = config;
  if (tokenName === undefined || passwordName === undefined) return undefined;
  const noToken = lackOf(tokenName, variables);
  const noPassword = lackOf(passwordName, variables);
  if (noToken && noPassword) {
    const both = `variable ${tokenName} ${noToken}, and ${passwordName} (password_env_var) ${noPassword}; one is needed`;
    report(
      'token_env_var',
      `${both}: make an API token in Proxmox (Datacenter > Permissions > API Tokens) and ${howToSet(tokenName)}`,
    );
    return undefined;
  }
  if (noToken) {
    const password = variableIn(passwordName, variables);
    return user && password ? { kind: 'password', variable: passwordName, user, password } : undefined;
  }
  // Without a user the form can still be judged; the lack of the user is reported where it is.
  const token = tokenOf(variableIn(tokenName, variables) ?? '', user ?? 'user@realm');
  if (token) return { kind: 'token', variable: tokenName, ...token };
  report(
    'token_env_var',
    `the value of variable ${tokenName} is no API token (id=secret or user@realm!id=secret); ${howToSet(tokenName)}`,
  );
  return undefined;
}

/** Why a variable cannot be used; undefined if it can. */
function lackOf(name: string, variables: Variables): string | undefined {
  const value = variableIn(name, variables)?.trim();
  if (!value) return 'is not set';
  return isPlaceholder(value) ? 'holds a placeholder' : undefined;
}

function variableIn(name: string, variables: Variables): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined;
}

function howToSet(name: string): string {
  const listed = TEMPLATE_VARIABLES.includes(name) ? '' : ' list it in "variables" of this server\'s catalogue entry,';
  return `export ${name} in the terminal,${listed} then run "mcp-session-manager init" again`;
}
