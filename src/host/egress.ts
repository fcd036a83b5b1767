import { type IncomingMessage, request } from 'node:http';
import { connect, isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { EGRESS_REASONS } from '../core/egress.ts';
import { within } from '../core/within.ts';

/** How long a connection may take to stand, milliseconds. */
const CONNECT_MS = 10_000;

/** Codes that the same connection would have failed with if it had been made without the proxy. */
const CODES: Readonly<Record<string, string>> = {
  dns: 'ENOTFOUND',
  refused: 'ECONNREFUSED',
  unreachable: 'EHOSTUNREACH',
  timeout: 'ETIMEDOUT',
};

/** A connection that the egress proxy did not make, or a proxy that does not answer. */
export class EgressFailed extends Error {
  override readonly name = 'EgressFailed';
  /** That of a failed socket, or `EGRESS_` and the reason (core/egress.ts); `EGRESS_DOWN`: the proxy does not answer. */
  readonly code: string;
  /** HTTP status that the proxy answered with, or would have. */
  readonly status: number;
  constructor(code: string, status: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
  }
}

export interface EgressOptions {
  /** Path of the proxy's Unix socket. */
  readonly socket: string;
  readonly grant: string;
  /** The instance's. */
  readonly secret: string;
  readonly clock: Clock;
}

/** The instance's way to the hosts of its grant: the one place that shows grant and secret to the proxy. */
export class Egress {
  readonly #options: EgressOptions;
  readonly #authorization: string;

  constructor(options: EgressOptions) {
    this.#options = options;
    this.#authorization = `Basic ${Buffer.from(`${options.grant}:${options.secret}`).toString('base64')}`;
  }

  /**
   * @param allowHalfOpen the connection stays open for writing when the other side has no more to say
   * @throws EgressFailed; the signal's reason when it aborts
   */
  connect(host: string, port: number, signal?: AbortSignal, allowHalfOpen = false): Promise<Duplex> {
    const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
    const late = () => new EgressFailed('ETIMEDOUT', 504, `${authority} did not accept the connection in time`);
    return within(
      this.#options.clock,
      CONNECT_MS,
      late,
      (limit) => this.#connect(authority, limit, allowHalfOpen),
      signal,
    );
  }

  async #connect(authority: string, signal: AbortSignal, allowHalfOpen: boolean): Promise<Duplex> {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    const ask = request({
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, 'proxy-authorization': this.#authorization },
      createConnection: () => connect({ path: this.#options.socket, allowHalfOpen }),
    });
    const onAbort = () => ask.destroy(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    ask.once('connect', (answer, socket, head) => {
      if (answer.statusCode === 200 && !signal.aborted) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(refusalOf(answer, head.toString().trim(), authority));
    });
    ask.once('error', (cause) => {
      reject(new EgressFailed('EGRESS_DOWN', 502, `The egress proxy does not answer: ${cause.message}`, cause));
    });
    ask.end();
    return await promise.finally(() => signal.removeEventListener('abort', onAbort));
  }
}

function refusalOf(answer: IncomingMessage, text: string, authority: string): EgressFailed {
  const [, reason = ''] = /details="([a-z]+)"/.exec(String(answer.headers['proxy-status'] ?? '')) ?? [];
  const code = CODES[reason] ?? (reason in EGRESS_REASONS ? `EGRESS_${reason.toUpperCase()}` : 'EGRESS_DOWN');
  return new EgressFailed(code, answer.statusCode ?? 502, text || `The egress proxy refuses ${authority}`);
}
