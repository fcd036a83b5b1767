import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ApiOptions, createApi } from '../../src/gateway/api/api.ts';
import { SessionViews } from '../../src/gateway/api/session-views.ts';
import { Tokens } from '../../src/sessions/tokens.ts';
import { AdminParts } from './admin-parts.ts';
import { CATALOGUE, ControlPlane, KEY } from './control-plane.ts';

export const CREDENTIAL = 'the-owner';

export interface AdminCall {
  /** Who calls, by name of the account; absent: nobody. */
  readonly as?: string;
  readonly token?: string;
  /** Text is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** The admin API over real HTTP, on the control plane with fakes and a real store. */
export class AdminServer implements AsyncDisposable {
  readonly plane = new ControlPlane();
  readonly parts = new AdminParts(this.plane);
  readonly tokens = new Tokens(KEY, this.plane.clock);
  readonly app: ReturnType<typeof createApi>;
  /** A test that computes for long must not find its connection closed. */
  readonly #server = createServer({ keepAliveTimeout: 0 });
  url = '';

  private constructor(change: Partial<ApiOptions>) {
    const { store, hosts, keys, clock, controller } = this.plane;
    this.app = createApi({
      ...this.parts.api,
      tokens: this.tokens,
      catalogue: CATALOGUE,
      owner: { name: 'owner', credential: CREDENTIAL },
      guard: { allowedHosts: ['127.0.0.1'], allowedOrigins: ['127.0.0.1'] },
      views: new SessionViews({ store, hosts, keys, clock, statusMs: 500 }),
      controller,
      notReady: async () => undefined,
      version: '1.2.3',
      endpoints: { mcp: '/mcp' },
      ...change,
    });
  }

  static async start(change: Partial<ApiOptions> = {}): Promise<AdminServer> {
    const server = new AdminServer(change);
    server.#server.on('request', server.app);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    server.url = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    await server.plane.up();
    return server;
  }

  async call(method: string, path: string, { as, token, body, headers = {} }: AdminCall = {}) {
    const bearer = token ?? (as === undefined ? undefined : this.parts.tokenOf(as));
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: text ? JSON.parse(text) : undefined };
  }

  /** A session of this owner, whose servers run. */
  async open(owner: string, name: string, pid?: number) {
    const leader = pid === undefined ? {} : { leader: { pid, startedAt: '1' } };
    const terminal = { name, host: 'laptop', ...leader };
    const { record } = await this.plane.sessions.open(owner, { terminal, workspace: '/work' });
    await this.plane.clock.advance(1000);
    return record;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.plane.down();
    await this.parts[Symbol.asyncDispose]();
  }
}
