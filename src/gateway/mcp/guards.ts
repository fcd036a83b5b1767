import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { AppError } from '../../core/errors.ts';

export interface GuardOptions {
  /** Host names that the `Host` header may have, without port. */
  readonly allowedHosts: readonly string[];
  /** Origins, or host names of which every origin is allowed. */
  readonly allowedOrigins: readonly string[];
}

/**
 * Refuses what a page in a browser could send by DNS rebinding: a foreign `Host`, or an `Origin` that is not allowed
 * (2025-11-25, basic/transports, "Security Warning").
 * @throws AppError `origin.forbidden` (403)
 */
export function checkOrigin(headers: IncomingHttpHeaders, options: GuardOptions): void {
  const host = hostname(`http://${headers.host ?? ''}`);
  if (host === undefined || !options.allowedHosts.includes(host)) {
    throw new AppError('origin.forbidden', 'This host name is not served here: add it to allowedHosts if it is yours');
  }
  const { origin } = headers;
  if (origin === undefined) return;
  const from = hostname(origin);
  if (options.allowedOrigins.includes(origin) || (from !== undefined && options.allowedOrigins.includes(from))) return;
  throw new AppError(
    'origin.forbidden',
    'Requests of this origin are refused: add it to allowedOrigins if it is yours',
  );
}

/** The host name of a URL, as the URL standard normalizes it: odd spellings of an address become one. */
function hostname(url: string): string | undefined {
  try {
    const { hostname: name, username, pathname, search, hash } = new URL(url);
    // `Host: good@evil` or `evil/good` is no host
    return username === '' && pathname === '/' && search === '' && hash === '' ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an `Accept` header takes this media type (RFC 9110, section 12.5.1; a q of 0 excludes it). */
export function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined) return false;
  const [group] = type.split('/');
  return accept.split(',').some((part) => {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    if (parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))) return false;
    return range === type || range === '*/*' || range === `${group}/*`;
  });
}

/** @throws AppError `request.not-acceptable` (406) or `request.media-type` (415) */
export function checkPost(req: IncomingMessage): void {
  const { accept } = req.headers;
  if (!accepts(accept, 'application/json') || !accepts(accept, 'text/event-stream')) {
    throw new AppError('request.not-acceptable', 'Accept must list both application/json and text/event-stream');
  }
  const [type] = (req.headers['content-type'] ?? '').split(';');
  if (type?.trim().toLowerCase() !== 'application/json') {
    throw new AppError('request.media-type', 'Content-Type must be application/json');
  }
}

/** The bearer token of a request (RFC 6750, section 2.1). @throws AppError `auth.missing` (401) */
export function bearer(headers: IncomingHttpHeaders): string {
  const { authorization = '' } = headers;
  if (/^bearer /i.test(authorization)) return authorization.slice('bearer '.length).trim();
  throw new AppError(
    'auth.missing',
    'A session token is needed: Authorization: Bearer, as `mcp-session-manager headers` prints it',
  );
}

/** One value of a header that may be given once. */
export function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
