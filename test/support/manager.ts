import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CreateSession, OpenedSession, SessionView } from '../../src/core/api.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { endProcessesOf, processesOf } from './processes-of.ts';

/** As it is built: tests of the whole program run what users run. */
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const BIN = fileURLToPath(new URL('../../bin', import.meta.url));
const COUNTING = fileURLToPath(new URL('../fakes/servers/counting-server.ts', import.meta.url));

export interface ManagerSetup {
  /** More entries for the catalogue (`mcpServers`), or `null` for one that is shipped and not wanted. */
  readonly servers?: Readonly<Record<string, object | null>>;
  /** Files beside the catalogue, in the state directory: name -> text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * A real manager, the program as it is built, with directories of its own. Its catalogue: `filesystem`, and `counting`, the
 * test server, which counts its calls in `countFile`. Disposal ends it and everything that it left.
 */
export class TestManager implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'msm-'));
  readonly workspace = join(this.root, 'work');
  readonly countFile = join(this.root, 'count');
  readonly state = join(this.root, 'state');
  readonly runtimeRoot = join(this.root, 'run');
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  /** It has ended, and all that it said is in `log`. */
  #closed: Promise<unknown> = Promise.resolve();
  #port = 0;
  #terminals = 0;
  log = '';

  private constructor({ servers = {}, files = {}, env = {} }: ManagerSetup) {
    for (const directory of [this.workspace, this.state]) mkdirSync(directory, { mode: 0o700 });
    writeFileSync(this.countFile, '');
    const counting = { command: 'node', args: [COUNTING], env: { COUNT_FILE: this.countFile } };
    const catalogue = { mcpServers: { proxmox: null, counting, ...servers } };
    writeFileSync(join(this.state, 'catalogue.json'), JSON.stringify(catalogue));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.state, name), text);
    this.#env = {
      PATH: process.env.PATH,
      HOME: this.root,
      MCP_SESSION_MANAGER_STATE: this.state,
      MCP_SESSION_MANAGER_RUNTIME_ROOT: this.runtimeRoot,
      ...env,
    };
  }

  static async start(setup: ManagerSetup = {}): Promise<TestManager> {
    const manager = new TestManager(setup);
    try {
      await manager.start();
    } catch (error) {
      await manager[Symbol.asyncDispose]();
      throw error;
    }
    return manager;
  }

  /** Starts it, or starts it again on the port that it had, which nobody is given meanwhile. */
  async start(): Promise<void> {
    this.#port ||= await freePort();
    const env = { ...this.#env, MCP_SESSION_MANAGER_PORT: String(this.#port) };
    const child = spawn(process.execPath, [MAIN, 'serve'], {
      env,
      cwd: this.workspace,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#closed = once(child, 'close');
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log += text;
      });
    }
    const ready = eventually(`the manager is ready: ${this.log}`, async () => {
      const file = JSON.parse(readFileSync(join(this.state, 'manager.json'), 'utf8')) as { pid: number };
      return file.pid === child.pid && (await fetch(`${this.url}/readyz`)).ok;
    });
    await Promise.race([
      ready,
      this.#closed.then(() => {
        throw new Error(`the manager ended: ${this.log}`);
      }),
    ]);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }
  get pid(): number {
    return this.#child?.pid as number;
  }
  get credential(): string {
    return readFileSync(join(this.state, 'credential'), 'utf8').trim();
  }

  /** All that a user's shell needs to know of it: the command is on the PATH. */
  get shellEnv(): Record<string, string> {
    return {
      PATH: `${BIN}${delimiter}${process.env.PATH}`,
      HOME: this.root,
      MCP_SESSION_MANAGER_STATE: this.state,
    };
  }

  /** Ends it as the signal does; resolves when it is gone. What it started goes on. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child?.kill(signal);
    await this.#closed;
  }

  /** One call of the session API; throws the answer's text if it is none of 2xx. */
  async api<T>(method: string, path: string, body?: object, token = this.credential): Promise<T> {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** A session of a new terminal, which lives as long as this process. */
  open(request: Partial<CreateSession> = {}): Promise<OpenedSession> {
    this.#terminals += 1;
    const terminal = { name: `test_${this.#terminals}`, host: 'elsewhere' };
    return this.api('POST', '/api/sessions', {
      terminal,
      workspace: this.workspace,
      servers: ['counting'],
      ...request,
    });
  }

  view(id: string): Promise<SessionView> {
    return this.api('GET', `/api/sessions/${id}`);
  }

  /** How often `tool` of `counting` was begun. */
  count(tool: string): number {
    return readFileSync(this.countFile, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(`${tool} `)).length;
  }

  /** Pids of whatever belongs to this manager's sessions. */
  async instances(): Promise<number[]> {
    return (await processesOf(this.runtimeRoot)).filter((pid) => pid !== this.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGTERM');
    await endProcessesOf(this.runtimeRoot);
    rmSync(this.root, { recursive: true, force: true });
  }
}
