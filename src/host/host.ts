import { randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AuditLog } from '../core/audit-log.ts';
import { CHANNEL_PROTOCOL, type HostAssignment, type HostStatus, type Retirement } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import { AppError, asAppError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { ResourceUsage } from '../core/runtime.ts';
import { CallLedger } from './call-ledger.ts';
import { Certificates } from './certificates.ts';
import { Channels } from './channels.ts';
import { CIRCUIT, Circuit } from './circuit.ts';
import { type EgressAccess, openEgress } from './egress-access.ts';
import { Launcher } from './launcher.ts';
import type { LedgerFile } from './ledger-file.ts';
import { LinkSession } from './link-session.ts';
import { answerLog } from './log-endpoint.ts';
import { LogRing } from './log-ring.ts';
import { readJson } from './read-body.ts';
import { ServerLog } from './server-log.ts';
import { serverStarter } from './server-starter.ts';
import { StderrTail } from './stderr-tail.ts';

/** Without an assignment for this long the host ends: whoever started it is gone. */
const UNCONFIGURED_MS = 30_000;
const SWEEP_MS = 15_000;
/** How long gateways may take to end their links to a host that takes no more work, and how often it looks: milliseconds. */
const BYE_MS = 1000;
const BYE_LOOK_MS = 5;

export interface HostOptions {
  readonly configDir: string;
  /** Directory of the built program, in this instance. */
  readonly dist: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** Called when the host has no reason to live any more; the program then calls `close` and exits. */
  readonly onOver: (reason: string) => void;
  /** What the host before this one, in the same place, left for it; undefined: there is no such place. */
  readonly ledger?: LedgerFile | undefined;
  /** For a server's module to write down what it changes; undefined: there is no such place. */
  readonly audit?: AuditLog | undefined;
  /** Path of the egress proxy's socket, where the instance has no network of its own. */
  readonly egressSocket?: string | undefined;
  /** Makes the server that is listened with; absent: one for a Unix socket. */
  readonly server?: ((listener: RequestListener) => Server) | undefined;
  /** What the instance uses, now; undefined where it cannot be said. */
  readonly usage?: () => ResourceUsage | undefined;
  /** How many processes of the instance were killed for want of memory; undefined where it cannot be said. */
  readonly oomKills?: () => number | undefined;
}

interface Assigned {
  readonly secret: Buffer;
  readonly assignment: HostAssignment;
  readonly launcher: Launcher;
  readonly channels: Channels;
  readonly egress: EgressAccess;
  readonly certificates: Certificates;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * The program inside an instance: runs one MCP server and speaks to gateways. It learns what to run, and its secret, from
 * the first `POST /configure` on its socket (D9).
 *
 * `GET /healthz`, `GET /metrics` (no secret in them, no authentication), `POST /configure`; with the bearer secret:
 * `GET /status`, `GET /record`, `POST /retire`, `GET /logs`, `POST /log`, `PUT /log-level`, and `GET /link` upgraded to the
 * channel protocol.
 */
export class Host {
  readonly #options: HostOptions;
  readonly #boot = randomUUID();
  readonly #log: ServerLog;
  readonly #server: Server;
  readonly #links = new Map<Duplex, LinkSession>();
  #assigned: Promise<Assigned> | undefined;
  #ready: Assigned | undefined;
  #heardAt: number;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#log = new ServerLog(new LogRing(), options.log, options.clock);
    this.#heardAt = options.clock.now();
    this.#server = (options.server ?? createServer)((req, res) => void this.#serve(req, res));
    this.#server.on('upgrade', (req: IncomingMessage, socket: Duplex) => this.#upgrade(req, socket));
  }

  /** @param at path of a Unix socket, or a port of every address */
  async listen(at: string | number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(at, resolve);
    });
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_MS);
  }

  /** Ends the servers and the links. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#server.close();
    for (const socket of this.#links.keys()) socket.destroy();
    this.#server.closeAllConnections();
    const assigned = await this.#assigned?.catch(() => undefined);
    await assigned?.channels.closeAll();
    await assigned?.launcher.close();
    await assigned?.egress[Symbol.asyncDispose]();
  }

  async #sweep(): Promise<void> {
    const now = this.#options.clock.now();
    await this.#ready?.channels.sweep();
    if (this.#links.size > 0) this.#heardAt = now;
    const limits = this.#ready?.assignment;
    if (limits && now >= limits.deadline) this.#options.onOver('the session has reached its maximum age');
    else if (now - this.#heardAt >= (limits?.limits.abandonedMs ?? UNCONFIGURED_MS))
      this.#options.onOver('nobody asks for it any more');
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      if (await answerLog(req, res, this.#log, () => this.#authorize(req))) return;
      const { status, type, body } = await this.#route(req);
      res.writeHead(status, { 'content-type': type }).end(body);
    } catch (cause) {
      const error = asAppError(cause);
      if (error.code === 'internal') this.#log.error({ err: cause }, 'request failed');
      const { code, message, data } = error;
      res
        .writeHead(error.status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { code, message, data } }));
    }
  }

  async #route(req: IncomingMessage): Promise<{ status: number; type: string; body: string }> {
    const json = (value: object) => ({ status: 200, type: 'application/json', body: JSON.stringify(value) });
    switch (`${req.method} ${req.url}`) {
      case 'GET /healthz':
        return { status: 200, type: 'text/plain', body: 'ok\n' };
      case 'GET /metrics': {
        // Loaded when asked for: a host must start fast.
        const { hostMetrics } = await import('./metrics.ts');
        const metrics = hostMetrics(this.#ready);
        return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
      }
      case 'POST /configure':
        this.#heardAt = this.#options.clock.now();
        await this.#configure((await readJson(req)) as { secret: string; assignment: HostAssignment });
        return json({ boot: this.#boot });
      case 'GET /status':
        this.#authorize(req);
        this.#heardAt = this.#options.clock.now();
        return json(this.#status());
      case 'GET /record':
        return json({ record: this.#authorize(req).assignment.record });
      case 'POST /retire': {
        const assigned = this.#authorize(req);
        const { idleMs } = (await readJson(req)) as { idleMs: number };
        return json(await this.#retire(assigned, idleMs));
      }
      default:
        throw new AppError('not-found', 'No such endpoint');
    }
  }

  /** The first one counts; a later one must know the secret of the first. */
  async #configure({ secret, assignment }: { secret: string; assignment: HostAssignment }): Promise<void> {
    const known = this.#assigned;
    if (!known) {
      this.#assigned = this.#assign(Buffer.from(secret), assignment);
      // A server that cannot be opened may be configured again.
      this.#assigned.catch(() => {
        this.#assigned = undefined;
      });
    }
    const assigned = await (known ?? this.#assigned);
    if (!assigned || !sameSecret(assigned.secret, Buffer.from(secret)))
      throw new AppError('auth.forbidden', 'Configured already');
  }

  async #assign(secret: Buffer, assignment: HostAssignment): Promise<Assigned> {
    const { configDir, dist, clock, ledger, audit, egressSocket, oomKills } = this.#options;
    const log = this.#log;
    log.belongsTo(assignment.server, assignment.variables);
    if (assignment.logSetting) log.set(assignment.logSetting);
    await using held = new AsyncDisposableStack();
    const egress = held.use(await openEgress(assignment, egressSocket, secret.toString(), clock));
    const stderr = new StderrTail();
    const certificates = new Certificates();
    const start = await serverStarter(assignment, {
      configDir,
      dist,
      log,
      stderr,
      egress,
      audit,
      sawCertificate: (peer, expiresAt) => certificates.saw(peer, expiresAt),
      ...(oomKills ? { oomKills } : {}),
    });
    const launcher = new Launcher(start, new Circuit(CIRCUIT, clock), stderr, clock);
    launcher.onFailure = (reason) => log.warn({ reason }, 'the server failed');
    const channels = new Channels(launcher, assignment.limits, clock, {
      clientRoots: assignment.clientRoots ?? false,
      ledger: ledger && new CallLedger(ledger, assignment.limits, clock, log),
      log,
    });
    await launcher.prepare();
    this.#ready = { secret, assignment, launcher, channels, egress, certificates, at: clock.now() };
    held.move();
    return this.#ready;
  }

  /** Resolves when no gateway can have anything on its way here. */
  async #retire({ channels, at }: Assigned, idleMs: number): Promise<Retirement> {
    const now = this.#options.clock.now();
    const usedAt = Math.max(at, channels.lastUsedAt ?? 0);
    if (!channels.retired && usedAt > now - idleMs) return { retired: false, usedAt };
    if (!channels.retire()) return { retired: false, usedAt: now };
    for (const link of this.#links.values()) link.bye();
    const late = now + BYE_MS;
    while (this.#links.size > 0 && this.#options.clock.now() < late) await this.#options.clock.sleep(BYE_LOOK_MS);
    return { retired: true, usedAt };
  }

  #status(): HostStatus {
    const ready = this.#ready;
    const lastActivityAt = ready?.channels.lastUsedAt;
    const failure = ready?.launcher.failure;
    const usage = this.#options.usage?.();
    const certificateExpiresAt = ready?.certificates.expiresAt;
    return {
      boot: this.#boot,
      configured: ready !== undefined,
      children: ready?.launcher.running ?? 0,
      channels: ready?.channels.size ?? 0,
      logBytes: ready?.channels.logBytes ?? 0,
      replays: ready?.channels.replays ?? 0,
      restarts: ready?.launcher.restarts ?? 0,
      circuit: ready?.launcher.circuit ?? 'closed',
      ...(lastActivityAt === undefined ? {} : { lastActivityAt }),
      ...(failure === undefined ? {} : { failure }),
      ...(usage === undefined ? {} : { usage }),
      ...(certificateExpiresAt === undefined ? {} : { certificateExpiresAt }),
    };
  }

  #authorize(req: IncomingMessage): Assigned {
    const given = Buffer.from(req.headers.authorization?.replace(/^Bearer /, '') ?? '');
    if (!this.#ready || !sameSecret(this.#ready.secret, given))
      throw new AppError('auth.invalid', 'The bearer secret is wrong');
    return this.#ready;
  }

  #upgrade(req: IncomingMessage, socket: Duplex): void {
    socket.on('error', () => socket.destroy());
    try {
      const { channels } = this.#authorize(req);
      channels.checkRetired();
      if (req.url !== '/link' || req.headers.upgrade !== CHANNEL_PROTOCOL)
        throw new AppError('not-found', 'No such protocol');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${CHANNEL_PROTOCOL}\r\n\r\n`);
      socket.once('close', () => {
        this.#links.delete(socket);
        this.#heardAt = this.#options.clock.now();
      });
      this.#links.set(socket, new LinkSession(socket, channels, this.#boot));
    } catch (error) {
      const { status } = asAppError(error);
      socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    }
  }
}

function sameSecret(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
