import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CreateSession, ServerView, SessionView } from '../../src/core/api.ts';
import { AppError, asAppError } from '../../src/core/errors.ts';

const CREDENTIAL = 'owner-secret';

/** One request that the fake got. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  readonly body: any;
}

/** Answers a request. */
export type Handler = (seen: Seen, response: ServerResponse) => void;

/** A manager for the command line's tests: the session API in memory, MCP as the test wants it, a state directory. */
export class FakeManager implements AsyncDisposable {
  readonly stateDirectory: string;
  readonly seen: Seen[] = [];
  readonly sessions = new Map<string, SessionView>();
  /** Ids of those that a cleanup would end. */
  abandoned: readonly string[] = [];
  variables = ['FAKE_HOST', 'FAKE_TOKEN'];
  /** What every new session's servers look like. */
  servers: ServerView[] = [{ name: 'filesystem', state: 'ready', instance: '4711' }];
  /** How it launches them, as the catalogue has it. */
  launches: Readonly<Record<string, { readonly command?: string; readonly args?: readonly string[] }>> = { fake: {} };
  /** What is not answered as the session API is: `POST /admin/api/login` -> its handler. */
  readonly handlers = new Map<string, Handler>();
  onMcp: Handler = (_, response) => void response.writeHead(404).end();
  #server: Server | undefined;
  #port = 0;
  #made = 0;

  private constructor(stateDirectory: string) {
    this.stateDirectory = stateDirectory;
  }

  static async start(): Promise<FakeManager> {
    const manager = new FakeManager(await mkdtemp(join(tmpdir(), 'fake-manager-')));
    await writeFile(join(manager.stateDirectory, 'credential'), `${CREDENTIAL}\n`, { mode: 0o600 });
    await manager.listen();
    return manager;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Environment that leads the command line here. */
  get env(): Record<string, string> {
    return { MCP_SESSION_MANAGER_STATE: this.stateDirectory };
  }

  /** Listens; again at the same port after `stop`. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    const file = join(this.stateDirectory, 'manager.json');
    await writeFile(`${file}.new`, JSON.stringify({ url: this.url, pid: process.pid }));
    await rename(`${file}.new`, file);
  }

  /** Goes away at once, in the middle of answers too. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    this.#server?.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.stateDirectory, { recursive: true, force: true });
  }

  /** Requests with this method whose path begins so. */
  requests(method: string, path: string): Seen[] {
    return this.seen.filter((seen) => seen.method === method && seen.path.startsWith(path));
  }

  tokenOf(id: string): string {
    return `h.${Buffer.from(JSON.stringify({ sid: id })).toString('base64url')}.s`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    request.setEncoding('utf8');
    for await (const chunk of request) text += chunk;
    const { method = '', url = '', headers } = request;
    const seen = { method, path: url, headers, body: text === '' ? undefined : JSON.parse(text) };
    this.seen.push(seen);
    const handler = this.handlers.get(`${method} ${url.split('?', 1)}`);
    if (handler) handler(seen, response);
    else if (url.startsWith('/mcp')) this.onMcp(seen, response);
    else this.#answer(seen, response);
  }

  #answer(seen: Seen, response: ServerResponse): void {
    try {
      const [status, body] = this.#api(seen);
      response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body));
    } catch (error) {
      const { code, message, status } = asAppError(error);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { code, message } }));
    }
  }

  /** Answers with status and body, or throws what the API would answer. */
  #api({ method, path, headers, body }: Seen): [number, unknown?] {
    const [, , what, id = '', action = '', server, change] = path.split('/');
    const bearer = headers.authorization?.slice('Bearer '.length);
    const session = this.sessions.get(id);
    if (bearer !== CREDENTIAL && (!session || bearer !== this.tokenOf(id))) throw new AppError('auth.invalid', 'no');
    if (what === 'catalogue') {
      const servers = Object.entries(this.launches).map(([name, launch]) => ({ name, ...launch }));
      return [200, { servers: servers.map((server) => ({ ...server, variables: this.variables })) }];
    }
    const orphan = { session: 'gone-aaaaaaaaaaaaaaaa', server: 'filesystem', instance: '4712' };
    if (what === 'cleanup' && method === 'GET') return [200, { sessions: this.abandoned, orphans: [orphan] }];
    if (what === 'cleanup') return [200, { sessions: [...this.sessions.keys()], orphans: 2 }];
    if (id === '' && method === 'GET') return [200, { sessions: [...this.sessions.values()] }];
    if (id === '') return this.#open(body);
    if (!session) throw new AppError('session.over', 'the session is over');
    if (method === 'DELETE') {
      this.sessions.delete(id);
      return [204];
    }
    if (action === 'stop') this.#change(session, () => 'stopped');
    if (server) this.#changeServer(session, server, change === 'stop' ? 'stopped' : 'ready');
    return [200, this.sessions.get(id)];
  }

  #open(body: CreateSession): [number, unknown] {
    const { workspace, terminal } = body;
    if (workspace === '/refused') throw new AppError('workspace.refused', 'this workspace is outside');
    const same = (one: SessionView) => JSON.stringify(one.terminal) === JSON.stringify(terminal);
    const known = [...this.sessions.values()].find(same);
    const session = known ?? this.#make(body);
    return [known ? 200 : 201, { session, token: this.tokenOf(session.id), created: !known }];
  }

  #make({ terminal, workspace, keep = false }: CreateSession): SessionView {
    this.#made += 1;
    const id = `fake-${'a'.repeat(15)}${'abcdefghijklmnopqrstuvwxyz'[this.#made]}`;
    const now = Date.now();
    const session: SessionView = {
      id,
      owner: 'me',
      terminal,
      workspace,
      keep,
      createdAt: now,
      deadline: now + 1_800_000,
      maxAt: now + 86_400_000,
      connections: 0,
      servers: this.servers,
    };
    this.sessions.set(id, session);
    return session;
  }

  #changeServer(session: SessionView, name: string, state: ServerView['state']): void {
    if (!session.servers.some((server) => server.name === name)) {
      throw new AppError('server.unknown', `There is no server "${name}" here`);
    }
    this.#change(session, (server) => (server.name === name ? state : server.state));
  }

  #change(session: SessionView, state: (server: ServerView) => ServerView['state']): void {
    const servers = session.servers.map((server) => ({ ...server, state: state(server) }));
    this.sessions.set(session.id, { ...session, servers });
  }
}
