import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { type Certificate, selfSigned } from './certificate.ts';

/** A guest, storage or node as `/cluster/resources` words it: flags are 0 and 1, what is not set is absent. */
export type FakeResource = { readonly id: string; readonly type: string } & Readonly<Record<string, unknown>>;

export interface FakePveOptions {
  /** Certificate of the server; made for 127.0.0.1 and localhost if absent. */
  readonly certificate?: Certificate;
  /** `user@realm!id` -> secret. */
  readonly tokens?: Readonly<Record<string, string>>;
  /** `user@realm` -> password. */
  readonly users?: Readonly<Record<string, string>>;
  /** Users whose login asks for a second factor. */
  readonly secondFactor?: readonly string[];
  readonly resources?: readonly FakeResource[];
  /** Paths on which the caller has no privilege: `/`, `/vms/100`. */
  readonly denied?: readonly string[];
  /** Errors have no body, only a reason phrase: pve-http-server before 5.2.0. */
  readonly reasonOnly?: boolean;
  /** Name of the cluster; a single node without one. */
  readonly cluster?: string;
  /** Milliseconds since the epoch, for the life of tickets. */
  readonly now?: () => number;
}

/** An answer to give instead of the right one. */
export type Fault =
  | { readonly kind: 'reset' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'answer'; readonly status: number; readonly reason: string; readonly body?: string };

/** One request that came in. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly auth: 'none' | 'token' | 'ticket';
  /** `user@realm!id` of the API token that was shown, right or wrong. */
  readonly token?: string;
  /** Which connection brought it, counted from 1. */
  readonly connection: number;
  /** Of `POST /access/ticket`. */
  readonly form?: Readonly<Record<string, string>>;
}

const TICKET_LIFE_MS = 7_200_000;

/**
 * A Proxmox VE API over HTTPS, for the endpoints that the server uses: what is right here was read in Proxmox's sources.
 * Only the delay of 3 s before each 401 is left out.
 */
export class FakePve implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly options: FakePveOptions;
  readonly certificate: Certificate;
  readonly #server: ReturnType<typeof createServer>;
  readonly #faults: { readonly path: string; readonly fault: Fault; times: number }[] = [];
  readonly #tickets = new Map<string, { readonly user: string; readonly since: number }>();
  readonly #connections = new Map<object, number>();
  #issued = 0;

  private constructor(options: FakePveOptions) {
    this.options = options;
    this.certificate = options.certificate ?? selfSigned(['127.0.0.1', 'localhost']);
    this.#server = createServer({ ...this.certificate }, (request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
  }

  static async start(options: FakePveOptions = {}): Promise<FakePve> {
    const fake = new FakePve(options);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many connections stand now. */
  connections(): Promise<number> {
    return promisify(this.#server.getConnections.bind(this.#server))();
  }

  /** Answers the next `times` requests for `path` (without query) with a fault. */
  inject(path: string, fault: Fault, times = 1): void {
    this.#faults.push({ path, fault, times });
  }

  /** Forgets all tickets, as a cluster does that gets a new key. */
  forgetTickets(): void {
    this.#tickets.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://fake');
    const path = url.pathname.replace(/^\/api2\/json/, '');
    const body = await textOf(request);
    const form = path === '/access/ticket' ? Object.fromEntries(new URLSearchParams(body)) : undefined;
    const login = this.#authenticate(request);
    const method = request.method ?? '';
    this.seen.push({
      method,
      path: request.url ?? '',
      auth: login.kind,
      ...(login.token !== undefined && { token: login.token }),
      connection: this.#connection(request.socket),
      ...(form && { form }),
    });
    if (this.#misbehave(path, request, response)) return;
    write(response, this.#outcome(method, url, form, login.refusal), this.options.reasonOnly ?? false);
  }

  #outcome(
    method: string,
    url: URL,
    form: Readonly<Record<string, string>> | undefined,
    refusal: string | undefined,
  ): Outcome {
    const [, path] = /^\/api2\/json(\/.*)$/.exec(url.pathname) ?? [];
    if (path === undefined) return failure(501, `Method '${method} ${url.pathname}' not implemented`);
    if (method === 'POST' && form) return this.#issue(form);
    if (refusal) return { unauthorized: refusal };
    return this.#answer(method, path, url.searchParams);
  }

  #connection(socket: object): number {
    const known = this.#connections.get(socket) ?? this.#connections.size + 1;
    this.#connections.set(socket, known);
    return known;
  }

  #misbehave(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const planned = this.#faults.find((one) => one.path === path && one.times > 0);
    if (!planned) return false;
    planned.times--;
    const { fault } = planned;
    if (fault.kind === 'reset') request.socket.destroy();
    if (fault.kind === 'answer') response.writeHead(fault.status, fault.reason).end(fault.body);
    return true;
  }

  /** The order of PVE::HTTPServer: ticket in the cookie, the same in Authorization, then API token. */
  #authenticate(request: IncomingMessage): { kind: Seen['auth']; token?: string; refusal?: string } {
    const authorization = request.headers.authorization ?? '';
    const cookie = /PVEAuthCookie=([^;]*)/.exec(request.headers.cookie ?? authorization)?.[1];
    if (cookie !== undefined) {
      const ticket = this.#tickets.get(decodeURIComponent(cookie));
      return ticket && this.#now() - ticket.since < TICKET_LIFE_MS
        ? { kind: 'ticket' }
        : { kind: 'ticket', refusal: 'No ticket' };
    }
    const token = /^PVEAPIToken[= ](.*)$/.exec(authorization)?.[1];
    if (token === undefined) return { kind: 'none', refusal: 'No ticket' };
    const [, id = '', secret] = /^([^=]*)=(.*)$/.exec(decodeURIComponent(token)) ?? [];
    const right = secret !== undefined && this.options.tokens?.[id] === secret;
    return right ? { kind: 'token', token: id } : { kind: 'token', token: id, refusal: 'Authentication failed!' };
  }

  #issue(form: Readonly<Record<string, string>>): Outcome {
    const { username = '', password = '' } = form;
    const old = this.#tickets.get(password);
    const renews = old?.user === username && this.#now() - old.since < TICKET_LIFE_MS;
    if (!renews && (password === '' || this.options.users?.[username] !== password))
      return failure(401, 'authentication failure');
    const challenge = !renews && this.options.secondFactor?.includes(username);
    const number = (++this.#issued).toString(16).toUpperCase().padStart(8, '0');
    const ticket = challenge ? `PVE:!tfa!%7B%7D:${number}::c2ln+/==` : `PVE:${username}:${number}::c2ln+/==`;
    if (!challenge) this.#tickets.set(ticket, { user: username, since: this.#now() });
    return { data: { username, ticket, CSRFPreventionToken: `${number}:aG1hYw`, ...(challenge && { NeedTFA: 1 }) } };
  }

  #answer(method: string, path: string, query: URLSearchParams): Outcome {
    const resources = this.options.resources ?? [];
    if (method !== 'GET') return failure(501, `Method '${method} ${path}' not implemented`);
    if (path === '/version') return { data: { version: '9.1.1', release: '9.1', repoid: '0123abcd' } };
    if (path === '/cluster/resources') return { data: this.#visible(query.get('type')) };
    if (path === '/cluster/status') return this.#audited(() => this.#clusterStatus());
    if (path === '/cluster/ha/status/current') return this.#audited(() => haStatus(resources));
    const guest = /^\/nodes\/([^/]+)\/(qemu|lxc)\/(\d+)\/status\/current$/.exec(path);
    if (!guest) return failure(501, `Method 'GET ${path}' not implemented`);
    const [, node, type, vmid] = guest;
    if (this.#isDenied(`/vms/${vmid}`)) return failure(403, `Permission check failed (/vms/${vmid}, VM.Audit)`);
    const found = resources.find((one) => one.id === `${type}/${vmid}` && one.node === node);
    const file = `nodes/${node}/${type === 'qemu' ? 'qemu-server' : 'lxc'}/${vmid}.conf`;
    if (!found) return failure(500, `Configuration file '${file}' does not exist`);
    return { data: currentOf(found) };
  }

  #audited(answer: () => unknown): Outcome {
    return this.#isDenied('/') ? failure(403, 'Permission check failed (/, Sys.Audit)') : { data: answer() };
  }

  #visible(type: string | null): readonly FakeResource[] {
    const kinds = type === 'vm' ? ['qemu', 'lxc'] : type ? [type] : undefined;
    return (this.options.resources ?? []).filter(
      (one) => (!kinds || kinds.includes(one.type)) && (one.vmid === undefined || !this.#isDenied(`/vms/${one.vmid}`)),
    );
  }

  #clusterStatus(): unknown[] {
    const nodes = (this.options.resources ?? []).filter((one) => one.type === 'node');
    const entries = nodes.map(({ node, status }, index) => ({
      type: 'node',
      id: `node/${node}`,
      name: node,
      ip: `192.0.2.${index + 1}`,
      online: status === 'online' ? 1 : 0,
      local: index === 0 ? 1 : 0,
    }));
    const { cluster: name } = this.options;
    return name === undefined
      ? entries
      : [{ type: 'cluster', id: 'cluster', name, version: 3, nodes: nodes.length, quorate: 1 }, ...entries];
  }

  #isDenied(path: string): boolean {
    return this.options.denied?.includes(path) ?? false;
  }

  #now(): number {
    return this.options.now?.() ?? Date.now();
  }
}

/** What PVE::APIServer makes of a request. */
type Outcome =
  | { readonly data: unknown }
  | { readonly status: number; readonly message: string }
  /** Refused before any method: no body at all. */
  | { readonly unauthorized: string };

const failure = (status: number, message: string): Outcome => ({ status, message });

/** Writes an answer as PVE::APIServer::Formatter::Standard does; whatever failed closes the connection. */
function write(response: ServerResponse, outcome: Outcome, reasonOnly: boolean): void {
  if ('unauthorized' in outcome) {
    response.writeHead(401, outcome.unauthorized, { connection: 'close' }).end();
    return;
  }
  const type = { 'content-type': 'application/json;charset=UTF-8' };
  if ('data' in outcome) {
    response.writeHead(200, 'OK', type).end(JSON.stringify({ data: outcome.data }));
    return;
  }
  const body = reasonOnly ? { data: null } : { data: null, message: `${outcome.message}\n` };
  response.writeHead(outcome.status, outcome.message, { ...type, connection: 'close' }).end(JSON.stringify(body));
}

function haStatus(resources: readonly FakeResource[]): unknown[] {
  const managed = resources.filter((one) => one.hastate !== undefined);
  return [
    { type: 'quorum', id: 'quorum', node: 'pve1', status: 'OK', quorate: 1 },
    ...managed.map(({ type, vmid, node, hastate }) => {
      const sid = `${type === 'qemu' ? 'vm' : 'ct'}:${vmid}`;
      return {
        type: 'service',
        id: `service:${sid}`,
        sid,
        node,
        state: hastate,
        status: `${sid} (${node}, ${hastate})`,
      };
    }),
  ];
}

/** `status/current` of a guest: containers say their number as a text. */
function currentOf(guest: FakeResource): unknown {
  const { type, vmid, maxcpu: cpus, hastate, node: _node, id: _id, ...rest } = guest;
  const ha = hastate === undefined ? { managed: 0 } : { managed: 1, state: hastate };
  const shared = { ...rest, cpus, ha };
  if (type === 'lxc') return { ...shared, type, vmid: String(vmid), swap: 0, maxswap: 536_870_912 };
  return { ...shared, vmid, qmpstatus: guest.qmpstatus ?? guest.status, agent: 1 };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
