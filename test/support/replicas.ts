import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CreateSession, OpenedSession, SessionView } from '../../src/core/api.ts';
import { eventually } from './eventually.ts';
import { endProcessesOf } from './processes-of.ts';
import { RedisServer } from './redis.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const COUNTING = fileURLToPath(new URL('../fakes/servers/counting-server.ts', import.meta.url));

/** One process of a role, as it is built. */
export class Program {
  readonly role: 'gateway' | 'controller';
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  /** It has ended, and all that it said is in `log`. */
  #closed: Promise<unknown> = Promise.resolve();
  url = '';
  log = '';

  constructor(role: 'gateway' | 'controller', env: NodeJS.ProcessEnv) {
    this.role = role;
    this.#env = env;
  }

  /** Starts it, on any free port; resolves when it says where. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [MAIN, this.role], { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#closed = once(child, 'close');
    this.log = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log += text;
      });
    }
    const ready = eventually(`the ${this.role} is ready`, async () => {
      this.url = /"url":"(http:[^"]+)"/.exec(this.log)?.[1] ?? '';
      return this.url !== '' && (await fetch(`${this.url}/readyz`)).ok;
    });
    const ended = this.#closed.then(() => {
      throw new Error(`the ${this.role} ended: ${this.log}`);
    });
    await Promise.race([ready, ended]);
    ended.catch(() => {}); // it may end from now on
  }

  /** Sends a signal. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Resolves with its exit code when it is gone; null: by a signal. */
  async gone(): Promise<number | null> {
    await this.#closed;
    return this.#child?.exitCode ?? null;
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.gone();
  }
}

/**
 * Gateways and controllers as processes of their own, with a real Redis; the instances are processes of this machine. The
 * catalogue has `counting`, the test server. Disposal ends all of it and everything that it left.
 */
export class Replicas implements AsyncDisposable {
  readonly gateways: readonly Program[];
  readonly controllers: readonly Program[];
  readonly redis: RedisServer;
  readonly root = mkdtempSync(join(tmpdir(), 'rep-'));
  readonly workspace = join(this.root, 'work');
  readonly state = join(this.root, 'state');
  readonly countFile = join(this.root, 'count');
  readonly runtimeRoot = join(this.root, 'run');
  #terminals = 0;

  private constructor(redis: RedisServer, gateways: number, controllers: number, change: NodeJS.ProcessEnv) {
    this.redis = redis;
    for (const directory of [this.workspace, this.state]) mkdirSync(directory, { mode: 0o700 });
    writeFileSync(this.countFile, '');
    const counting = { command: 'node', args: [COUNTING], env: { COUNT_FILE: this.countFile } };
    const catalogue = { mcpServers: { proxmox: null, filesystem: null, counting } };
    writeFileSync(join(this.state, 'catalogue.json'), JSON.stringify(catalogue));
    const env = {
      PATH: process.env.PATH,
      HOME: this.root,
      MCP_SESSION_MANAGER_STATE: this.state,
      MCP_SESSION_MANAGER_RUNTIME_ROOT: this.runtimeRoot,
      MCP_SESSION_MANAGER_STORE: redis.url,
      MCP_SESSION_MANAGER_PORT: '0',
      MCP_SESSION_MANAGER_LEASE_TTL: '2s',
      MCP_SESSION_MANAGER_DRAIN: '1s',
      ...change,
    };
    this.gateways = Array.from({ length: gateways }, () => new Program('gateway', env));
    this.controllers = Array.from({ length: controllers }, () => new Program('controller', env));
  }

  static async start(gateways: number, controllers: number, env: NodeJS.ProcessEnv = {}): Promise<Replicas> {
    const redis = await RedisServer.start();
    const replicas = new Replicas(redis, gateways, controllers, env);
    try {
      await Promise.all(replicas.#programs.map((program) => program.start()));
    } catch (error) {
      await replicas[Symbol.asyncDispose]();
      throw error;
    }
    return replicas;
  }

  /** The gateway of this number, counted around. */
  gateway(n: number): Program {
    return this.gateways[n % this.gateways.length] as Program;
  }

  /** The controller in charge, and the epoch of its lease. */
  inCharge(): Promise<{ readonly program: Program; readonly epoch: number }> {
    return eventually('a controller is in charge', async () => {
      for (const program of this.controllers) {
        const answer = await fetch(`${program.url}/readyz`).catch(() => undefined); // one that was killed
        const { epoch } = ((await answer?.json()) ?? {}) as { epoch?: number };
        if (epoch !== undefined) return { program, epoch };
      }
      return undefined;
    });
  }

  /** One call of the session API at the gateway of this number; throws the answer's text if it is none of 2xx. */
  async api<T>(n: number, method: string, path: string, body?: object): Promise<T> {
    const credential = readFileSync(join(this.state, 'credential'), 'utf8').trim();
    const answer = await fetch(`${this.gateway(n).url}${path}`, {
      method,
      headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** A session of a new terminal, opened at the gateway of this number. */
  open(n = 0, request: Partial<CreateSession> = {}): Promise<OpenedSession> {
    this.#terminals += 1;
    const terminal = { name: `test_${this.#terminals}`, host: 'elsewhere' };
    return this.api(n, 'POST', '/api/sessions', { terminal, workspace: this.workspace, ...request });
  }

  view(n: number, id: string): Promise<SessionView> {
    return this.api(n, 'GET', `/api/sessions/${id}`);
  }

  /** How often `tool` of `counting` was begun. */
  count(tool: string): number {
    const lines = readFileSync(this.countFile, 'utf8').split('\n');
    return lines.filter((line) => line.startsWith(`${tool} `)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()));
    await endProcessesOf(this.runtimeRoot);
    await this.redis[Symbol.asyncDispose]();
    rmSync(this.root, { recursive: true, force: true });
  }

  get #programs(): Program[] {
    return [...this.gateways, ...this.controllers];
  }
}
