import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { ServerName, SessionId } from './ids.ts';

/**
 * How an instance without a network reaches the hosts that its catalogue entry names: HTTP `CONNECT` (RFC 9110, section
 * 9.3.6) on the Unix socket of the egress proxy, with `Proxy-Authorization: Basic base64(grant:secret)`. The secret is the
 * instance's own; the grant says which instance that is and where it may go, signed with the deployment's key.
 */
export interface EgressClaims {
  readonly session: SessionId;
  readonly server: ServerName;
  /** `SessionRecord.nonce`, and the instance's incarnation: with the two above what its secret is derived from. */
  readonly nonce: string;
  readonly incarnation: number;
  /** Canonical authorities, see `authorityOf`. */
  readonly hosts: readonly string[];
}

/** Why the proxy did not connect; it answers with `status` and `Proxy-Status: egress; error=...` (RFC 9209). */
export const EGRESS_REASONS = {
  /** No request that can be read. */
  protocol: { status: 400, error: 'http_request_error' },
  method: { status: 405, error: 'http_request_error' },
  /** The grant or the secret is missing, wrong, of another instance, or has expired. */
  credentials: { status: 407, error: 'http_request_denied' },
  /** The host with this port is not in the grant. */
  host: { status: 403, error: 'http_request_denied' },
  /** The host's addresses are none that an instance may reach. */
  address: { status: 403, error: 'destination_ip_prohibited' },
  /** The instance has as many connections as it may. */
  limit: { status: 503, error: 'connection_limit_reached' },
  dns: { status: 502, error: 'dns_error' },
  refused: { status: 502, error: 'connection_refused' },
  unreachable: { status: 502, error: 'destination_ip_unroutable' },
  timeout: { status: 504, error: 'connection_timeout' },
} as const;

export type EgressReason = keyof typeof EGRESS_REASONS;

/** Host and port as a connection is made to them. */
export interface Authority {
  /** In lower case, without a dot at its end; an IPv6 address without brackets, as RFC 5952 writes it. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, `[host]:port`: equal for what is the same. */
  readonly text: string;
}

const AUTHORITY = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([1-9]\d{0,4})$/;
const NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
/** What resolvers take for an IPv4 address in another spelling (WHATWG URL, "ends in a number checker"). */
const NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

const TEMPLATE = /^(.+):(\d+|\$\{env:[A-Za-z_][A-Za-z0-9_]*\})$/;

/**
 * Host and port of what a catalogue entry has in `egress`, not filled in yet. Cut before anything is put in, no variable's
 * value can bring a port of its own along. Undefined if it is not `HOST:PORT`.
 */
export function egressTemplateOf(text: string): { readonly host: string; readonly port: string } | undefined {
  const [, host, port] = TEMPLATE.exec(text) ?? [];
  return host === undefined || port === undefined ? undefined : { host, port };
}

/** Reads `host:port`. Undefined for anything else: no port, a scheme, a path, an IPv4 address that is not four decimals. */
export function authorityOf(text: string): Authority | undefined {
  const [, v6, name, digits] = AUTHORITY.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) return undefined;
  if (v6 !== undefined) {
    if (!isIPv6(v6)) return undefined;
    const host = new SocketAddress({ address: v6, family: 'ipv6' }).address;
    return { host, port, text: `[${host}]:${port}` };
  }
  const host = (name as string).toLowerCase().replace(/\.$/, '');
  if (!NAME.test(host) || (NUMBER.test(host) && !isIPv4(host))) return undefined;
  return { host, port, text: `${host}:${port}` };
}
