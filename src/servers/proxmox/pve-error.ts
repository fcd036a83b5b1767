import { AppError, messageOf } from '../../core/errors.ts';
import type { Answer } from './http-answer.ts';
import type { Target } from './target.ts';

/** A call to Proxmox that failed. The message says what is wrong and what to do; it never holds a secret. */
export class PveError extends AppError {
  /** HTTP status of the answer; undefined if there was none. */
  readonly pveStatus: number | undefined;
  /** The same call may succeed a moment later. */
  readonly transient: boolean;
  /** The call may have reached Proxmox, and what became of it is not known: a change may have been made. */
  readonly lost: boolean;

  constructor(message: string, options: PveErrorOptions = {}) {
    super('upstream.failed', message, options.cause === undefined ? {} : { cause: options.cause });
    this.pveStatus = options.pveStatus;
    this.transient = options.transient ?? false;
    this.lost = options.lost ?? false;
  }
}

interface PveErrorOptions {
  readonly pveStatus?: number;
  readonly transient?: boolean;
  readonly lost?: boolean;
  readonly cause?: unknown;
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
  // With 595 the entry node did not even connect to the other one.
  const lost = isProxyFailure(answer.status) && answer.status !== 595;
  return new PveError(text, { pveStatus: answer.status, transient: isProxyFailure(answer.status), lost });
}

/** The failure of a call that changes something: says so where it cannot be known whether it did. */
export function outcomeUnknown(error: PveError): PveError {
  if (!error.lost) return error;
  const { pveStatus, transient, cause } = error;
  return new PveError(
    `${error.message}. Whether the change was made is not known: look with pve_list_tasks and pve_guest_status before you try it again`,
    { transient, lost: true, cause, ...(pveStatus === undefined ? {} : { pveStatus }) },
  );
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

/** What to do about the words that Proxmox's own sources use (qemu-server, pve-container, pve-storage). */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /^Configuration file .* does not exist/,
    '. The guest was removed or moved to another node: look it up again with pve_list_resources',
  ],
  [/^(VM|CT) is locked|can't lock file/, '. Another operation holds the lock: try again when it is done'],
  [/^storage '.*' (does not exist|is not available)/, '. pve_list_storage shows which storages each node has'],
  [/^(VM|CT) \d+ (is )?not running$/, '. Start it first with pve_power'],
  [/^(VM|CT) \d+ already running$/, '. There is nothing to start'],
  [/^(VM|CT) \d+ is running/, '. Stop it first with pve_power'],
  [/protection mode/, '. Somebody protected it: pve_update_config can set protection to false'],
  [/used in HA resources/, '. Take it out of high availability with pve_ha, or set purge'],
  [/is paused/, '. Resume it first with pve_power'],
  [/No QEMU guest agent configured/, '. Enable it with pve_update_config (agent: "1") and install it in the guest'],
  [/QEMU guest agent is not running/, '. Install and start qemu-guest-agent in the guest, and start the guest anew'],
  [/snapshot feature is not available/, '. Its disks are on a storage without snapshots: pve_disk can move them'],
  [/protected/, '. pve_protect_backup can take the protection away'],
];

/** What to do about what Proxmox says, as a sentence to append; '' where nothing is known. */
export function hint(said: string): string {
  return HINTS.find(([pattern]) => pattern.test(said))?.[1] ?? '';
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
/** There was no connection yet, so nothing can have been sent. */
const UNSENT =
  /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOTFOUND|EGRESS_.*|ERR_SSL.*|PVE_FINGERPRINT|UND_ERR_CONNECT_TIMEOUT)$/;
const TRANSIENT =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|EGRESS_DOWN|EGRESS_LIMIT|UND_ERR_SOCKET|UND_ERR_CONNECT_TIMEOUT)$/;

/** What a connection that failed with `cause` means, by its code, which Node or undici gave it. */
export function connectionErrorOf(target: Target, code: string, cause: unknown): PveError {
  const problem =
    code === 'PVE_FINGERPRINT'
      ? `shows another certificate than the one ${messageOf(cause)}`
      : connectionProblem(target, code);
  const text = `Proxmox server "${target.name}" ${problem}`;
  return new PveError(text, {
    transient: TRANSIENT.test(code),
    lost: !UNSENT.test(code) && !CERTIFICATE.test(code),
    cause,
  });
}

/** A host that was out of reach again and again, and is not asked now. */
export function unreachable({ name, origin }: Target, waitMs: number): PveError {
  return new PveError(
    `Proxmox server "${name}" did not answer several calls in a row at ${origin}, so it is not asked now; try again in ${Math.ceil(waitMs / 1000)} s`,
    { transient: true },
  );
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
    { transient: true, lost: true },
  );
}
