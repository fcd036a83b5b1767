import { AppError } from '../../core/errors.ts';
import type { Answer } from './http-answer.ts';
import type { Target } from './target.ts';

/** A call to Proxmox that failed. The message says what is wrong and what to do; it never holds a secret. */
export class PveError extends AppError {
  /** HTTP status of the answer; undefined if there was none. */
  readonly pveStatus: number | undefined;
  /** The same call may succeed a moment later. */
  readonly transient: boolean;

  constructor(message: string, options: { pveStatus?: number; transient?: boolean; cause?: unknown } = {}) {
    super('upstream.failed', message, options.cause === undefined ? {} : { cause: options.cause });
    this.pveStatus = options.pveStatus;
    this.transient = options.transient ?? false;
  }
}

/** True for the entry node's failures to reach the node that owns the resource (AnyEvent::HTTP, 595 to 599). */
export const isProxyFailure = (status: number): boolean => status >= 595 && status <= 599;

/**
 * What an answer other than 200 means. Proxmox says it in the body since pve-http-server 5.2.0, and before that only in
 * the reason phrase; an authentication failure has no body in any version.
 */
export function errorOf(target: Target, path: string, answer: Answer): PveError {
  const { message, errors } = bodyOf(answer.body);
  const said = (message || answer.reason).trim() || `HTTP ${answer.status}`;
  const details = errors.map(([name, problem]) => `; ${name}: ${problem.trim()}`).join('');
  const text = `Proxmox server "${target.name}" ${explain(target, path, answer.status, `${said}${details}`)}`;
  return new PveError(text, { pveStatus: answer.status, transient: isProxyFailure(answer.status) });
}

function explain(target: Target, path: string, status: number, said: string): string {
  if (status === 400) return `refused the parameters: ${said}`;
  if (status === 401) return `refused the login (${said}). ${loginHint(target)}`;
  if (status === 403) return forbidden(target, said);
  if (status === 501) return `does not know ${path} (${said}); it needs Proxmox VE 8 or later`;
  if (isProxyFailure(status)) {
    return `could not reach the node that ${path} is on (${said}). Check that the node is up: pve_cluster_overview shows it`;
  }
  if (status >= 300 && status < 400) {
    return `redirected the call (HTTP ${status}). Check "host" and "port" in the configuration: they must be the Proxmox API's own`;
  }
  return `could not do this: ${said}${hint(said)}`;
}

function loginHint({ credential }: Target): string {
  if (credential.kind === 'token') {
    return `Check that API token ${credential.id} exists and has not expired, and that variable ${credential.variable} holds its secret`;
  }
  return `Check the password of ${credential.user} in variable ${credential.variable}; if the account has a second factor, use an API token`;
}

/** Form: `Permission check failed (/vms/100, VM.Audit)`, alternatives separated by `|` (PVE::RPCEnvironment). */
function forbidden({ credential }: Target, said: string): string {
  const who = credential.kind === 'token' ? `API token ${credential.id}` : `user ${credential.user}`;
  const [, path, privileges] = /\((\/[^(,\s]*), ([\w.|]+)\)/.exec(said) ?? [];
  if (!path || !privileges) return `does not allow this to ${who}: ${said}`;
  const role = `a role with ${privileges.split('|').join(' or ')} on ${path}`;
  const separate = credential.kind === 'token' ? '; a token with privilege separation needs it itself' : '';
  return `does not allow this to ${who}. Give it ${role} (Datacenter > Permissions > Add)${separate}`;
}

function hint(said: string): string {
  if (/^Configuration file .* does not exist/.test(said)) {
    return '. The guest was removed or moved to another node: look it up again with pve_list_resources';
  }
  if (/^(VM|CT) is locked/.test(said)) return '. Another operation holds the lock: try again when it is done';
  return '';
}

/** `{"data":null,"message":"...","errors":{parameter: text}}`, or nothing that can be used. */
function bodyOf(body: string): { message: string; errors: [string, string][] } {
  try {
    const parsed = JSON.parse(body) as { message?: unknown; errors?: unknown } | null;
    const errors = Object.entries(Object(parsed?.errors)).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    );
    return { message: typeof parsed?.message === 'string' ? parsed.message : '', errors };
  } catch {
    return { message: '', errors: [] };
  }
}

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/;
const TRANSIENT =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|EGRESS_DOWN|EGRESS_LIMIT|UND_ERR_SOCKET|UND_ERR_CONNECT_TIMEOUT)$/;

/** What a connection that failed with `cause` means, by its code, which Node or undici gave it. */
export function connectionErrorOf(target: Target, code: string, cause: unknown): PveError {
  const text = `Proxmox server "${target.name}" ${connectionProblem(target, code)}`;
  return new PveError(text, { transient: TRANSIENT.test(code), cause });
}

function connectionProblem({ name, origin }: Target, code: string): string {
  const field = `servers.${name}`;
  if (code === 'EGRESS_HOST')
    return `may not be reached from here (${origin}). Its host and port must be in "egress" of this server's catalogue entry`;
  if (code === 'EGRESS_ADDRESS')
    return `has an address that no server may be connected to (${origin}). Check ${field}.host`;
  if (code.startsWith('EGRESS_')) {
    return `cannot be reached at ${origin}: the egress proxy did not make the connection (${code}). Its log has the reason`;
  }
  if (code === 'ENOTFOUND') return `has a host that is not known (${origin}). Check ${field}.host`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `has a certificate for another name than that in ${origin}. Use the certificate's name in ${field}.host, or set ${field}.verify_ssl to false`;
  }
  if (CERTIFICATE.test(code)) {
    return `has a certificate that is not trusted (${code}). Install one from a known authority on it, or set ${field}.verify_ssl to false`;
  }
  if (/^(ERR_SSL|EPROTO)/.test(code)) return `does not speak TLS at ${origin} (${code}). Check ${field}.port`;
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return 'sent an answer that is too large';
  return `cannot be reached at ${origin} (${code}). Check that it runs and that ${field}.host and port are right`;
}

/** A call took longer than the server's `timeout`. */
export function timeoutOf({ name, origin, timeoutMs }: Target): PveError {
  return new PveError(
    `Proxmox server "${name}" did not answer within ${timeoutMs / 1000} s at ${origin}. Check that it runs, or raise servers.${name}.timeout`,
  );
}
