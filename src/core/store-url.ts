/**
 * The URL of a Redis store: `redis://[USER:PASSWORD@]HOST:PORT[/DB]`, or with Sentinels, which say who the master is,
 * `redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT.../NAME[/DB]`; `rediss` for TLS, with Sentinels to them as well. User and
 * password are those of Redis.
 */
const SENTINEL = /^(rediss?)\+sentinel:\/\/(?:([^@/\s]*)@)?([^@/\s]+)\/([^/\s]+?)(?:\/(\d{1,9}))?$/;
const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::([1-9]\d{0,4}))?$/;
/** Of Sentinels, where none is given. */
const SENTINEL_PORT = 26_379;

export interface SentinelUrl {
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** Of the master, as Sentinels know it. */
  readonly name: string;
  readonly db: number;
}

/** What a URL with Sentinels says; undefined if it is none. */
export function sentinelUrlOf(text: string): SentinelUrl | undefined {
  const [, scheme, credentials = '', hosts = '', name = '', db = '0'] = SENTINEL.exec(text) ?? [];
  const sentinels = hosts.split(',').map(addressOf);
  if (scheme === undefined || !sentinels.every((address) => address !== undefined)) return undefined;
  const [username = '', password = ''] = credentials.split(/:(.*)/s).map(decoded);
  return {
    tls: scheme === 'rediss',
    sentinels,
    name: decoded(name),
    db: Number(db),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
  };
}

/** Whether this can be the URL of a Redis store. */
export function isStoreUrl(text: string): boolean {
  return /^rediss?:\/\/[^/\s]+/.test(text) ? URL.canParse(text) : sentinelUrlOf(text) !== undefined;
}

/** The password in a store's URL; empty: there is none. */
export function passwordIn(text: string): string {
  return sentinelUrlOf(text)?.password ?? URL.parse(text)?.password ?? '';
}

/** A store's URL with this password, which stands for any other. */
export function withPassword(text: string, password: string): string {
  const sentinel = SENTINEL.exec(text);
  if (sentinel) {
    const user = sentinel[2]?.split(':')[0] ?? '';
    const rest = text.slice(text.indexOf('://') + 3).replace(/^[^@/]*@/, '');
    return `${sentinel[1]}+sentinel://${user}:${encodeURIComponent(password)}@${rest}`;
  }
  const url = new URL(text);
  url.password = encodeURIComponent(password);
  return url.href;
}

function addressOf(text: string): { host: string; port: number } | undefined {
  const [, v6, host = v6, port] = ADDRESS.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) return undefined;
  return { host, port: Number(port ?? SENTINEL_PORT) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not encoded
  }
}
