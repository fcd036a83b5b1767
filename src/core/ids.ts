import { createHash, createHmac, randomBytes } from 'node:crypto';

/** `{terminal name}-{16 characters}`: readable in `ps` and in paths, not guessable, the same for the same terminal. */
export type SessionId = string;
/** The value of `Mcp-Session-Id`: visible ASCII only (Streamable HTTP, "Session Management"). */
export type ConnectionId = string;
export type ServerName = string;

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const SESSION_ID = /^[a-zA-Z0-9_]{1,24}-[a-z2-7]{16}$/;
const CONNECTION_ID = /^[a-z2-7]{32}$/;
/** No underscore: a tool's name at `/mcp` is `{server}_{tool}`; and a valid URI scheme, since resources are `{server}+{uri}`. */
const SERVER_NAME = /^[a-zA-Z][a-zA-Z0-9-]{0,31}$/;

export const isSessionId = (text: string): text is SessionId => SESSION_ID.test(text);
export const isConnectionId = (text: string): text is ConnectionId => CONNECTION_ID.test(text);
export const isServerName = (text: string): text is ServerName => SERVER_NAME.test(text);

/** RFC 4648 base32, lower case, without padding, of the first `length` characters' worth of `bytes`. */
function base32(bytes: Uint8Array, length: number): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5 && text.length < length) {
      bits -= 5;
      text += ALPHABET[(value >>> bits) & 31];
    }
  }
  return text;
}

/** Every character outside `[a-zA-Z0-9]` made `_`. */
export function sanitize(name: string): string {
  return name.replace(/[^a-zA-Z0-9]/g, '_');
}

/**
 * The id of a terminal's session. Derived, so that the same terminal finds its session again and two `init` at once meet
 * in one record; keyed, so that nobody without the key can guess it.
 * @param terminal what makes the terminal unique (see `Terminal`)
 */
export function sessionIdOf(key: Uint8Array, owner: string, name: string, terminal: string): SessionId {
  const digest = createHmac('sha256', key)
    .update(JSON.stringify(['session', owner, terminal]))
    .digest();
  const readable = sanitize(name).replace(/^_+/, '').slice(-24) || 'terminal';
  return `${readable}-${base32(digest, 16)}`;
}

export const newConnectionId = (): ConnectionId => base32(randomBytes(20), 32);
export const newNonce = (): string => base32(randomBytes(5), 8);

const SAFE_KEY = /^[A-Za-z0-9_-]{1,64}$/;
/** The name of a request's stream: made from its idempotency key alone, so that every replica makes the same. */
export function streamOf(key: string): string {
  return SAFE_KEY.test(key) ? key : createHash('sha256').update(key).digest('base64url').slice(0, 32);
}

/** A connection as logs name it: told apart from others, and of no use to whoever reads it. */
export const connectionLabel = (id: ConnectionId): string =>
  createHash('sha256').update(id).digest('base64url').slice(0, 10);
