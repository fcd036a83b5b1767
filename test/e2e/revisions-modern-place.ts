import { fileURLToPath } from 'node:url';
import { TestManager } from '../support/manager.ts';
import { type Answer, messagesOf } from '../support/raw-mcp.ts';
import { type ModernRequest, RawModern } from '../support/raw-modern.ts';

const MIRROR = fileURLToPath(new URL('./revisions-mirror.ts', import.meta.url));

export const META = 'io.modelcontextprotocol';

export interface ModernMessage {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: { readonly _meta?: Record<string, unknown>; readonly [name: string]: unknown };
  readonly result?: Record<string, unknown> & { readonly _meta?: Record<string, unknown> };
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> };
}

/** Whatever came, in one body or as a stream. */
export const said = ({ json, events }: Answer): ModernMessage[] =>
  (events.length > 0 ? messagesOf(events) : [json]) as unknown as ModernMessage[];
export const last = (answer: Answer): ModernMessage => said(answer).at(-1) as ModernMessage;
export const changed = (request: ModernRequest, params: object): ModernRequest => ({
  ...request,
  params: { ...request.params, ...params },
});

/** A manager with a session of two servers: `counting`, and `mirror`, which shows what comes over. */
export class ModernPlace implements AsyncDisposable {
  readonly manager: TestManager;
  readonly token: string;
  readonly session: string;

  private constructor(manager: TestManager, token: string, session: string) {
    this.manager = manager;
    this.token = token;
    this.session = session;
  }

  /** @param streamAfter an answer that takes longer is a stream; absent: none is one because of its time */
  static async start(streamAfter = '60s'): Promise<ModernPlace> {
    const manager = await TestManager.start({
      servers: { mirror: { command: 'node', args: [MIRROR] } },
      env: { MCP_SESSION_MANAGER_STREAM_AFTER: streamAfter },
    });
    const { token, session } = await manager.open({ servers: ['counting', 'mirror'] });
    return new ModernPlace(manager, token, session.id);
  }

  client(path: string, token = this.token): RawModern {
    return new RawModern(this.manager.url + path, token);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager[Symbol.asyncDispose]();
  }
}
