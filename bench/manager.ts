import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { OpenedSession } from '../src/core/api.ts';
import { end, firstLine, startNode } from './children.ts';
import { treeOf } from './procfs.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

const MAIN = path('../dist/main.js');
const CATALOGUE = {
  mcpServers: {
    module: { module: path('servers/echo-module.ts') },
    stdio: { command: 'node', args: [path('servers/echo-stdio.ts')] },
  },
};
/** How long instances may take to end, milliseconds. */
const END_MS = 10_000;

/** The manager as it is built, with directories of its own. Disposal ends it and all that it started. */
export class Manager implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'msm-bench-'));
  readonly #state = join(this.root, 'state');
  readonly #sessions = new Set<string>();
  readonly #flags: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #child: ReturnType<typeof startNode> | undefined;
  #url = '';
  #terminals = 0;

  private constructor(flags: readonly string[], env: NodeJS.ProcessEnv) {
    this.#flags = flags;
    this.#env = env;
  }

  /**
   * @param flags of its Node
   * @param env settings besides the bench's own
   */
  static async start(flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Manager> {
    const manager = new Manager(flags, env);
    mkdirSync(manager.#state, { mode: 0o700 });
    writeFileSync(join(manager.#state, 'catalogue.json'), JSON.stringify(CATALOGUE));
    await manager.start();
    return manager;
  }

  /** Starts it, or starts it again after `stop`. */
  async start(): Promise<void> {
    const env = {
      PATH: process.env.PATH,
      HOME: this.root,
      MCP_SESSION_MANAGER_PORT: '0',
      MCP_SESSION_MANAGER_STATE: this.#state,
      MCP_SESSION_MANAGER_RUNTIME_ROOT: join(this.root, 'run'),
      MCP_SESSION_MANAGER_CONNECTIONS_PER_SESSION: '10000',
      MCP_SESSION_MANAGER_LOG_LEVEL: 'warn',
      // Should this be killed, instances do not stay for long.
      MCP_SESSION_MANAGER_ABANDONED_AFTER: '1m',
      ...this.#env,
    };
    this.#child = startNode([...this.#flags, MAIN, 'serve'], { env, cwd: this.root });
    const ready = await firstLine(this.#child);
    this.#url = /http:\S+/.exec(ready)?.[0] ?? '';
  }

  /** Where compiled code is kept. */
  get compileCache(): string {
    return join(this.#state, 'compile-cache');
  }
  get pid(): number {
    return this.#child?.pid as number;
  }
  /** The manager and everything below it. */
  get pids(): number[] {
    return treeOf(this.pid);
  }
  /** Of one server, asked alone. */
  endpoint(server: string): string {
    return `${this.#url}/mcp/${server}`;
  }

  /** A session of a new terminal; resolves when it was created. Its servers may still be starting. */
  async open(servers: readonly string[]): Promise<OpenedSession> {
    this.#terminals += 1;
    const terminal = { name: `bench_${this.#terminals}`, host: 'bench' };
    const opened = (await this.#api('POST', '', { terminal, workspace: this.root, servers })) as OpenedSession;
    this.#sessions.add(opened.session.id);
    return opened;
  }

  /** Ends a session; resolves when nothing of it runs any more, if it was the only one. */
  async close(id: string): Promise<void> {
    await this.#api('DELETE', `/${id}`);
    this.#sessions.delete(id);
  }

  /** Resolves when the manager has no processes below it. */
  async quiet(): Promise<void> {
    for (const late = Date.now() + END_MS; this.pids.length > 1; await sleep(20))
      if (Date.now() > late) throw new Error(`instances do not end: ${this.pids.slice(1).join(', ')}`);
  }

  /** Ends all sessions and the manager. */
  async stop(): Promise<void> {
    for (const id of this.#sessions) await this.close(id);
    await this.quiet();
    if (this.#child) await end(this.#child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = this.#child?.exitCode === null ? this.pids : [];
    try {
      if (left.length > 0) await this.stop();
    } catch (error) {
      for (const pid of left) kill(pid);
      throw error;
    } finally {
      rmSync(this.root, { recursive: true, force: true });
    }
  }

  async #api(method: string, path: string, body?: object): Promise<unknown> {
    const credential = readFileSync(join(this.#state, 'credential'), 'utf8').trim();
    const answer = await fetch(`${this.#url}/api/sessions${path}`, {
      method,
      headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} /api/sessions${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it was gone already
  }
}
