import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { authority, type Certificate } from '../certificate.ts';
import { apiData } from './api-data.ts';
import { died, PveFailure } from './failure.ts';
import { type Caller, type LoginOptions, Logins } from './login.ts';
import { type Context, checkParameters, find } from './router.ts';
import { ROUTES } from './routes/index.ts';
import { SimTasks } from './sim-tasks.ts';
import { standardCluster } from './standard-cluster.ts';
import type { SimGuest, State } from './state.ts';

export interface SimulatorOptions extends Partial<Omit<LoginOptions, 'now'>> {
  /** Certificate of the server; made by an authority of its own for 127.0.0.1 and localhost if absent. */
  readonly certificate?: Certificate;
  /** Until when the certificate of its own is valid; long, if absent. */
  readonly until?: Date;
  /** What differs from the standard cluster. */
  readonly state?: Partial<State>;
  /** Paths on which nobody has a privilege: `/`, `/vms/100`. */
  readonly denied?: readonly string[];
  /** Identity -> path -> privileges, passed on to what is below; who is not named has all. */
  readonly grants?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** Errors have no body, only a reason phrase: pve-http-server before 5.2.0. */
  readonly reasonOnly?: boolean;
  /** How long a task takes, milliseconds; at once if absent. */
  readonly taskMs?: number;
  readonly port?: number;
  /** Where it listens; only on this machine if absent. */
  readonly address?: string;
  /** Another name that its certificate is for. */
  readonly name?: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** An answer to give instead of the right one; `lost`: what was asked is done, and the connection breaks. */
export type Fault =
  | { readonly kind: 'reset' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'held'; readonly until: () => Promise<void> }
  | { readonly kind: 'answer'; readonly status: number; readonly reason: string; readonly body?: string };

/** One request that came in. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly auth: Caller['kind'];
  /** `user@realm!id` of the API token that was shown, right or wrong. */
  readonly token?: string;
  /** Which connection brought it, counted from 1. */
  readonly connection: number;
  /** Of the body; of a key that is there several times the last. */
  readonly form?: Readonly<Record<string, string>>;
}

/**
 * A Proxmox VE cluster behind its API over HTTPS: what is right here was read in Proxmox's sources, and routes and
 * parameters are checked against its own description of the API. Only the delay of 3 s before each 401 is left out.
 */
export class ProxmoxSimulator implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly certificate: Certificate;
  /** PEM of the authority that the certificate is from. */
  readonly ca: string;
  readonly state: State;
  readonly tasks: SimTasks;
  readonly #options: SimulatorOptions;
  readonly #logins: Logins;
  readonly #server: ReturnType<typeof createServer>;
  readonly #faults: { readonly path: string; readonly fault: Fault; times: number }[] = [];
  readonly #connections = new Map<object, number>();

  private constructor(options: SimulatorOptions) {
    const now = options.now ?? Date.now;
    this.#options = options;
    const own = authority('Proxmox Virtual Environment');
    this.certificate =
      options.certificate ??
      own.issue(['127.0.0.1', 'localhost', ...(options.name ? [options.name] : [])], options.until);
    this.ca = own.cert;
    this.state = { ...standardCluster(now()), ...options.state };
    this.tasks = new SimTasks(options.taskMs ?? 0, now);
    this.#logins = new Logins({ ...options, now });
    this.#server = createServer({ ...this.certificate }, (request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
  }

  static async start(options: SimulatorOptions = {}): Promise<ProxmoxSimulator> {
    const simulator = new ProxmoxSimulator(options);
    simulator.#server.listen(options.port ?? 0, options.address ?? '127.0.0.1');
    await once(simulator.#server, 'listening');
    return simulator;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many connections stand now. */
  connections(): Promise<number> {
    return promisify(this.#server.getConnections.bind(this.#server))();
  }

  guest(vmid: number): SimGuest {
    const found = this.state.guests.get(vmid);
    if (!found) throw new Error(`the simulator has no guest ${vmid}`);
    return found;
  }

  /** Requests that could have changed something. */
  get writes(): readonly Seen[] {
    return this.seen.filter(({ method, path }) => method !== 'GET' && !path.endsWith('/access/ticket'));
  }

  /** Answers the next `times` requests for `path` (without query) with a fault. */
  inject(path: string, fault: Fault, times = 1): void {
    this.#faults.push({ path, fault, times });
  }

  forgetTickets(): void {
    this.#logins.forget();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://simulator');
    const method = request.method ?? '';
    const body = await textOf(request);
    const login = this.#logins.of(request);
    this.seen.push({
      method,
      path: request.url ?? '',
      auth: login.kind,
      ...(login.token !== undefined && { token: login.token }),
      connection: this.#connection(request.socket),
      ...(body !== '' && { form: Object.fromEntries(new URLSearchParams(body)) }),
    });
    const path = url.pathname.replace(/^\/api2\/json/, '');
    const fault = this.#faultAt(path);
    if (fault?.kind === 'silent') return;
    if (fault?.kind === 'held') await fault.until();
    if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.ms));
    if (fault?.kind === 'answer') return void response.writeHead(fault.status, fault.reason).end(fault.body);
    if (fault?.kind !== 'reset') {
      const outcome = this.#outcome(method, url, body, login, request);
      if (fault?.kind !== 'lost') return write(response, outcome, this.#options.reasonOnly ?? false);
    }
    request.socket.destroy();
  }

  #outcome(method: string, url: URL, body: string, login: Caller, request: IncomingMessage): Outcome {
    const [, path] = /^\/api2\/json(\/.*)$/.exec(url.pathname) ?? [];
    if (url.pathname === '/pve-docs/api-viewer/apidoc.js') return { file: apiData(ROUTES) };
    try {
      if (path === undefined) throw unknown(method, url.pathname);
      if (request.headers['transfer-encoding']) throw new PveFailure(501, 'chunked transfer encoding not supported');
      if (body !== '' && (method === 'GET' || method === 'DELETE'))
        throw new PveFailure(501, `Unexpected content for method '${method}'`);
      if (Buffer.byteLength(body) > 512 * 1024) throw new PveFailure(501, 'for data too large');
      if (method === 'POST' && path === '/access/ticket')
        return { data: this.#logins.issue(Object.fromEntries(new URLSearchParams(body))) };
      if (login.refusal !== undefined) return { unauthorized: login.refusal };
      return { data: this.#run(method, path, new URLSearchParams(body || url.search), login.user ?? '') };
    } catch (error) {
      if (error instanceof PveFailure) return error;
      throw error;
    }
  }

  #run(method: string, path: string, all: URLSearchParams, user: string): unknown {
    const found = find(ROUTES, method, path);
    if (!found) throw unknown(method, path);
    const { route } = found;
    checkParameters(route, all);
    const values: Record<string, string> = { ...Object.fromEntries(all), ...found.values };
    const { node } = found.values;
    if (node !== undefined && !this.state.nodes.has(node)) throw died(`hostname lookup '${node}' failed`);
    if (node !== undefined && this.state.nodes.get(node) === 'offline') throw new PveFailure(595, 'No route to host');
    const may = (at: string, privileges: string) => this.#may(user, at, privileges);
    const check: Context['check'] = (at, privileges) => {
      if (!may(at, privileges)) throw new PveFailure(403, `Permission check failed (${at}, ${privileges})`);
    };
    if (route.needs) {
      const [place, privileges] = route.needs;
      check(
        place.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? ''),
        privileges,
      );
    }
    this.tasks.settle();
    const now = this.#options.now ?? Date.now;
    return route.run({ state: this.state, tasks: this.tasks, user, now, values, all, check, may }) ?? null;
  }

  #may(user: string, path: string, privileges: string): boolean {
    if (this.#options.denied?.includes(path)) return false;
    const grants = this.#options.grants?.[user];
    if (!grants) return true;
    // What stands nearest holds.
    for (let at = path; ; at = at.replace(/\/[^/]*$/, '') || '/') {
      const own = grants[at];
      if (own) return privileges.split('|').some((one) => own.includes(one));
      if (at === '/') return false;
    }
  }

  #connection(socket: object): number {
    const known = this.#connections.get(socket) ?? this.#connections.size + 1;
    this.#connections.set(socket, known);
    return known;
  }

  #faultAt(path: string): Fault | undefined {
    const planned = this.#faults.find((one) => one.path === path && one.times > 0);
    if (planned) planned.times--;
    return planned?.fault;
  }
}

const unknown = (method: string, path: string): PveFailure =>
  new PveFailure(501, `Method '${method} ${path}' not implemented`);

/** What PVE::APIServer makes of a request. */
type Outcome =
  | { readonly data: unknown }
  | { readonly file: string }
  | PveFailure
  /** Refused before any method: no body at all. */
  | { readonly unauthorized: string };

/** Writes an answer as PVE::APIServer::Formatter::Standard does; whatever failed closes the connection. */
function write(response: ServerResponse, outcome: Outcome, reasonOnly: boolean): void {
  if ('unauthorized' in outcome) {
    response.writeHead(401, outcome.unauthorized, { connection: 'close' }).end();
    return;
  }
  if ('file' in outcome) {
    response.writeHead(200, 'OK', { 'content-type': 'application/javascript' }).end(outcome.file);
    return;
  }
  const type = { 'content-type': 'application/json;charset=UTF-8' };
  if ('data' in outcome) {
    response.writeHead(200, 'OK', type).end(JSON.stringify({ data: outcome.data }));
    return;
  }
  const { status, message, errors } = outcome;
  // The entry node's own failures to reach another one have no body.
  const proxied = status >= 595;
  const body = { data: null, ...(reasonOnly ? {} : { message: `${message}\n` }), ...(errors && { errors }) };
  response.writeHead(status, message, { ...type, connection: 'close' }).end(proxied ? '' : JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
