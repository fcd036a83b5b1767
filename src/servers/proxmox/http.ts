import type { Socket } from 'node:net';
import { Agent, buildConnector, request } from 'undici';
import type { ConnectOut } from '../../core/server-module.ts';
import type { Answer } from './http-answer.ts';
import { type CheckFingerprint, pinned } from './pinned-connector.ts';
import { connectionErrorOf } from './pve-error.ts';
import type { Target } from './target.ts';
import { type SawCertificate, watched } from './watched-connector.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path below `/api2/json`, with its query. */
  readonly path: string;
  /** What is before the path, if it is not `/api2/json`. */
  readonly root?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent in one piece: pveproxy refuses chunked bodies. */
  readonly body?: string;
}

/** Largest answer that is read, bytes: ten times the resources of a cluster with 10,000 guests. */
const MAX_ANSWER = 64 << 20;
/** How long a connection may take to stand, milliseconds; the rest of the call's time is for another try. */
const CONNECT_MS = 10_000;

/** How connections are made. */
export interface HttpContext {
  /** Makes the connections; absent: they are made directly. */
  readonly connect?: ConnectOut;
  /** Judges the certificate of each connection; absent: its authority alone does. */
  readonly check?: CheckFingerprint;
  /** Told of the certificate of each connection. */
  readonly saw?: SawCertificate;
}

/** HTTPS to one Proxmox server, its connections kept and used again. */
export class PveHttp {
  readonly #target: Target;
  readonly #agent: Agent;

  constructor(target: Target, { connect: connectOut, check, saw }: HttpContext = {}) {
    this.#target = target;
    const tls = {
      rejectUnauthorized: target.verifySsl,
      timeout: Math.min(CONNECT_MS, target.timeoutMs),
      allowH2: false,
      maxCachedSessions: check ? 0 : 100,
    };
    const plain = connectOut ? through(connectOut, tls) : buildConnector(tls);
    const connector = check ? pinned(plain, check) : plain;
    this.#agent = new Agent({
      // HTTP/2 has no reason phrase.
      allowH2: false,
      connections: 8,
      connect: saw ? watched(connector, saw) : connector,
      // The call's own deadline holds.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: MAX_ANSWER,
    });
  }

  /** Sends one call. Rejects with a PveError if no answer came, or with the signal's reason. Any status is an answer. */
  async send(call: Call, signal: AbortSignal): Promise<Answer> {
    try {
      const answer = await request(`${this.#target.origin}${call.root ?? '/api2/json'}${call.path}`, {
        method: call.method,
        headers: call.headers,
        body: call.body ?? null,
        dispatcher: this.#agent,
        signal,
      });
      return { status: answer.statusCode, reason: answer.statusText, body: await answer.body.text() };
    } catch (error) {
      signal.throwIfAborted();
      const code = (error as { code?: unknown } | null)?.code;
      // Without a code it is no failed connection but a fault of this program.
      throw typeof code === 'string' ? connectionErrorOf(this.#target, code, error) : error;
    }
  }
}

/** TLS to the host itself, over a connection that somebody else makes. */
function through(connectOut: ConnectOut, tls: buildConnector.BuildOptions): buildConnector.connector {
  const secure = buildConnector(tls);
  return (options, callback) => {
    const host = options.hostname.replace(/^\[(.*)\]$/, '$1');
    connectOut(host, Number(options.port || 443)).then(
      (socket) => secure({ ...options, httpSocket: socket as Socket }, callback),
      (error: Error) => callback(error, null),
    );
  };
}
