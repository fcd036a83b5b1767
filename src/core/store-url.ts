/**
 * The URL of a Redis store: `redis://[USER:PASSWORD@]HOST:PORT[/DB]`; with Sentinels, which say who the master is,
 * `redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT.../NAME[/DB][?sentinelPassword=PASSWORD]`; some nodes of a Redis Cluster,
 * `redis+cluster://[USER:PASSWORD@]HOST:PORT,HOST:PORT...`. `rediss` for TLS, with Sentinels to them as well. User and password before
 * the hosts are those of Redis; Sentinels may have a password of their own.
 */
const CLUSTER = /^(rediss?)\+cluster:\/\/(?:([^@/\s]*)@)?([^@/\s]+)\/?$/;
const SENTINEL =
  /^(rediss?)\+sentinel:\/\/(?:([^@/\s]*)@)?([^@/\s]+)\/([^/?\s]+)(?:\/(\d{1,9}))?(?:\?sentinelPassword=([^&\s]+))?$/;
const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::([1-9]\d{0,4}))?$/;
/** Where none is given. */
const SENTINEL_PORT = 26_379;
const NODE_PORT = 6379;

interface Access {
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ClusterUrl extends Access {
  readonly nodes: readonly Address[];
}

export interface SentinelUrl extends Access {
  readonly sentinels: readonly Address[];
  /** Of the master, as Sentinels know it. */
  readonly name: string;
  readonly db: number;
  readonly sentinelPassword?: string;
}

/** What a URL with Sentinels says; undefined if it is none. */
export function sentinelUrlOf(text: string): SentinelUrl | undefined {
  const [, scheme, credentials, hosts = '', name = '', db = '0', own] = SENTINEL.exec(text) ?? [];
  const sentinels = addressesOf(hosts, SENTINEL_PORT);
  if (scheme === undefined || !sentinels) return undefined;
  const found = { ...accessOf(scheme, credentials), sentinels, name: decoded(name), db: Number(db) };
  return own === undefined ? found : { ...found, sentinelPassword: decoded(own) };
}

/** What the URL of a Redis Cluster says; undefined if it is none. */
export function clusterUrlOf(text: string): ClusterUrl | undefined {
  const [, scheme, credentials, hosts = ''] = CLUSTER.exec(text) ?? [];
  const nodes = addressesOf(hosts, NODE_PORT);
  return scheme === undefined || !nodes ? undefined : { ...accessOf(scheme, credentials), nodes };
}

/** Whether this can be the URL of a Redis store. */
export function isStoreUrl(text: string): boolean {
  return /^rediss?:\/\/[^/\s]+/.test(text) ? URL.canParse(text) : listOf(text) !== undefined;
}

/** The password in a store's URL; empty: there is none. */
export function passwordIn(text: string): string {
  return (listOf(text) ?? URL.parse(text))?.password ?? '';
}

/** A store's URL with this password, which stands for any other. */
export function withPassword(text: string, password: string): string {
  const [, scheme, credentials = ''] = /^([a-z+]+):\/\/(?:([^@/]*)@)?/.exec(text) ?? [];
  if (listOf(text)) {
    const rest = text.slice(text.indexOf('://') + 3).replace(/^[^@/]*@/, '');
    return `${scheme}://${credentials.split(':')[0]}:${encodeURIComponent(password)}@${rest}`;
  }
  const url = new URL(text);
  url.password = encodeURIComponent(password);
  return url.href;
}

/** A store's URL as operators may see it, with no password in it. */
export function withoutPasswords(text: string): string {
  const masked = passwordIn(text) === '' ? text : withPassword(text, '***');
  return masked.replace(/(\?sentinelPassword=).*/s, '$1***');
}

/** A URL that names several hosts. */
function listOf(text: string): Access | undefined {
  return sentinelUrlOf(text) ?? clusterUrlOf(text);
}

function accessOf(scheme: string, credentials = ''): Access {
  const [username = '', password = ''] = credentials.split(/:(.*)/s).map(decoded);
  return {
    tls: scheme === 'rediss',
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
  };
}

/** Undefined if one of them is no address. */
function addressesOf(hosts: string, defaultPort: number): Address[] | undefined {
  const addresses = hosts.split(',').map((text) => {
    const [, v6, host = v6, port = defaultPort] = ADDRESS.exec(text) ?? [];
    return host === undefined || Number(port) > 65_535 ? [] : [{ host, port: Number(port) }];
  });
  return addresses.every(({ length }) => length > 0) ? addresses.flat() : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not encoded
  }
}
