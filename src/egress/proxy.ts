import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { authorityOf, EGRESS_REASONS, type EgressClaims, type EgressReason } from '../core/egress.ts';
import { AppError, messageOf } from '../core/errors.ts';
import { joinStreams } from '../core/join-streams.ts';
import type { Logger } from '../core/logger.ts';
import { counted } from '../core/words.ts';
import { type Dialer, EgressRefused } from './dialer.ts';
import { type Refusal, RefusalLog } from './refusal-log.ts';
import { Tally } from './tally.ts';

/** Largest head of a request, bytes: a grant for as many hosts as a catalogue entry may name fits twice. */
const MAX_HEAD = 16 << 10;
/** Connections that may be there at once, whoever has them. */
const MAX_CONNECTIONS = 8192;
/** How often an ending proxy looks for connections with nothing left to do, milliseconds. */
const LOOK_MS = 20;

export interface EgressProxyOptions {
  /** @throws AppError `auth.invalid` */
  readonly verify: (grant: string, secret: string) => EgressClaims;
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly log: Logger;
  /** Connections that one instance may have at once. */
  readonly connections: number;
  /** A connection over which nothing went for this long is closed, milliseconds. */
  readonly idleMs: number;
  /** How long a request's head may take to come, milliseconds. */
  readonly headMs: number;
}

/**
 * The allowlisting CONNECT proxy (core/egress.ts). It connects an instance that proves who it is to the hosts of its grant,
 * and passes bytes on: TLS is between the instance and the host. It keeps nothing and asks nobody.
 */
export class EgressProxy {
  readonly tally = new Tally();
  readonly #options: EgressProxyOptions;
  readonly #refusals: RefusalLog;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  /** Connections of each instance, made and in the making. */
  readonly #instances = new Map<string, number>();

  constructor(options: EgressProxyOptions) {
    this.#options = options;
    this.#refusals = new RefusalLog(options.log, options.clock);
    this.#server = createServer({
      maxHeaderSize: MAX_HEAD,
      headersTimeout: options.headMs,
      requestTimeout: options.headMs,
      connectionsCheckingInterval: Math.min(1000, options.headMs),
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server
      .on('connection', (socket) => this.#keep(socket))
      .on('connect', (request, socket, head) => void this.#connect(request, socket, head))
      .on('request', ({ socket }) => this.#refuse(socket, new EgressRefused('method', 'Only CONNECT is served here')))
      .on('clientError', (error, socket) => {
        if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') socket.destroy();
        else this.#refuse(socket, new EgressRefused('protocol', 'The request cannot be read, or took too long'));
      });
  }

  get listening(): boolean {
    return this.#server.listening;
  }

  /**
   * Listens on a Unix socket, which the directory's group may use.
   * @throws AppError `lease.held` if another proxy listens there, `config.invalid` if nobody can
   */
  async listen(path: string): Promise<void> {
    if (await accepts(path)) throw new AppError('lease.held', `Another egress proxy listens on ${path}: end it first`);
    try {
      await rm(path, { force: true }); // of one that was killed
      await once(this.#server.listen(path), 'listening');
      await chmod(path, 0o660);
    } catch (cause) {
      throw new AppError('config.invalid', `The egress proxy cannot listen on ${path}: ${messageOf(cause)}`, { cause });
    }
  }

  /** Takes nothing new, gives what is open `graceMs` milliseconds to end, then closes it. */
  async close(graceMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#server.close();
    this.#server.closeIdleConnections();
    const late = clock.now() + graceMs;
    while (this.#sockets.size > 0 && clock.now() < late) await clock.sleep(LOOK_MS);
    for (const socket of this.#sockets) socket.destroy();
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async #connect(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    client.on('error', () => {}); // 'close' follows
    const gone = new AbortController();
    client.once('close', () => gone.abort(new Error('the instance is gone')));
    let claims: EgressClaims | undefined;
    const target = authorityOf(request.url ?? '');
    try {
      claims = this.#claimsOf(request);
      if (!target) throw new EgressRefused('protocol', 'CONNECT needs a host and a port');
      if (!claims.hosts.includes(target.text))
        throw new EgressRefused('host', `${target.text} is not among the hosts that this server may reach`);
      this.#take(claims, client);
      const server = await this.#options.dialer.dial(target, gone.signal);
      if (gone.signal.aborted) server.destroy();
      else this.#join(client as Socket, server, head);
    } catch (error) {
      if (gone.signal.aborted) return;
      const { session, server } = claims ?? {};
      this.#refuse(client, error, {
        ...(session === undefined || server === undefined ? {} : { session, server }),
        ...(target ? { target: target.text } : {}),
      });
    }
  }

  #claimsOf(request: IncomingMessage): EgressClaims {
    const [, encoded = ''] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(request.headers['proxy-authorization'] ?? '') ?? [];
    const [, grant = '', secret = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('latin1')) ?? [];
    try {
      return this.#options.verify(grant, secret);
    } catch (cause) {
      throw cause instanceof AppError ? new EgressRefused('credentials', cause.message, cause) : cause;
    }
  }

  /** Counts a connection of this instance until it is closed. */
  #take({ session, server }: EgressClaims, client: Duplex): void {
    const key = `${session}/${server}`;
    const count = this.#instances.get(key) ?? 0;
    if (count >= this.#options.connections)
      throw new EgressRefused(
        'limit',
        `This server has ${counted(count, 'connection')} already: it must close one first`,
      );
    this.#instances.set(key, count + 1);
    client.once('close', () => {
      const left = (this.#instances.get(key) ?? 1) - 1;
      if (left > 0) this.#instances.set(key, left);
      else this.#instances.delete(key);
    });
  }

  #join(client: Socket, server: Socket, head: Buffer): void {
    const { tally } = this;
    tally.connected++;
    tally.open++;
    this.#keep(server);
    server.once('close', () => {
      tally.open--;
      tally.bytesOut += server.bytesWritten;
      tally.bytesIn += server.bytesRead;
    });
    // Every byte of either direction passes here.
    client.setTimeout(this.#options.idleMs, () => client.destroy());
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    server.write(head);
    joinStreams(client, server);
  }

  #refuse(client: Duplex, error: unknown, who: Omit<Refusal, 'reason'> = {}): void {
    if (!(error instanceof EgressRefused)) this.#options.log.error({ err: error }, 'connecting failed unexpectedly');
    const { reason, message } =
      error instanceof EgressRefused ? error : new EgressRefused('unreachable', 'The egress proxy failed');
    this.tally.refused[reason]++;
    this.#refusals.note({ reason, ...who });
    if (client.writable) client.end(answerOf(reason, message), () => client.destroy());
    else client.destroy();
  }
}

/** With the reason for programs (RFC 9209) and for people. */
function answerOf(reason: EgressReason, message: string): string {
  const { status, error } = EGRESS_REASONS[reason];
  const body = `${message}\n`;
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Proxy-Status: egress; error=${error}; details="${reason}"`,
    ...(status === 407 ? ['Proxy-Authenticate: Basic realm="egress"'] : []),
    ...(status === 405 ? ['Allow: CONNECT'] : []),
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/** Whether somebody listens on this socket. */
async function accepts(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
