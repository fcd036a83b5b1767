import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OpenedSession, SessionList } from '../../src/core/api.ts';
import { LABEL } from '../../src/runtime/labels.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { askAsOwner } from '../support/owner-api.ts';
import { docker, dockerLines } from './docker.ts';
import { buildExporter, buildImages } from './images.ts';
import type { Place } from './place.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OVERRIDE = fileURLToPath(new URL('compose.yaml', import.meta.url));
const UP_MS = 180_000;
const API_MS = 60_000;
/** How long the deployment may take to be whole again after a fault. */
const WHOLE_MS = 120_000;
/** What the workspaces belong to: never root. */
const DEVELOPER = { uid: process.getuid?.() || 1000, gid: process.getgid?.() || 1000 };

interface Service {
  readonly Service: string;
  readonly State: string;
  readonly Health: string;
  readonly ExitCode: number;
}

/**
 * The deployment of compose.yaml, under a name, port and directories of its own, from an image built from this source tree.
 * Disposal takes away all that bears its name.
 */
export class Stack implements Place {
  readonly name = `faults-${randomBytes(3).toString('hex')}`;
  /** Sockets have short paths. */
  readonly root = mkdtempSync('/tmp/f-');
  readonly #work = join(this.root, 'w');
  /** For the configuration of Prometheus (alert-watch.ts). */
  readonly quick = join(this.root, 'q');
  readonly #env: NodeJS.ProcessEnv;
  readonly #port: number;
  #images: string[] = [];
  #credential = '';

  private constructor(port: number) {
    this.#port = port;
    mkdirSync(this.#work);
    chmodSync(this.#work, 0o755);
    // Nothing of the caller's own settings.
    writeFileSync(join(this.root, 'env'), '');
    this.#env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      MCP_DEPLOYMENT: this.name,
      MCP_IMAGE: `mcp-session-manager:${this.name}-faults`,
      MCP_PORT: String(port),
      MCP_SOCKETS: join(this.root, 's'),
      MCP_USER: String(DEVELOPER.uid),
      WORKSPACES: this.#work,
      FAULTS_QUICK: this.quick,
      REDIS_EXPORTER_IMAGE: `redis-exporter:${this.name}`,
    };
  }

  /** Resolves when it serves. */
  static async up(): Promise<Stack> {
    const stack = new Stack(await freePort());
    try {
      stack.#images = await buildImages(stack.name);
      await stack.compose(['up', '--wait', '--wait-timeout', String(UP_MS / 1000), '--quiet-pull'], UP_MS);
      stack.#credential = await stack.#inImage(['-v', `${stack.name}_keys:/k:ro`], 'cat', '/k/credential');
    } catch (error) {
      await stack[Symbol.asyncDispose]();
      throw error;
    }
    return stack;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** `docker compose` for this deployment. */
  compose(args: readonly string[], deadlineMs?: number): Promise<string> {
    const files = ['--env-file', join(this.root, 'env'), '-f', join(ROOT, 'compose.yaml'), '-f', OVERRIDE];
    return docker(['compose', ...files, ...args], { env: this.#env, cwd: ROOT, ...(deadlineMs ? { deadlineMs } : {}) });
  }

  /** Brings up services of the profile `monitoring`, with `override` laid over them. */
  async monitor(override: string, services: readonly string[]): Promise<void> {
    this.#images.push(await buildExporter(this.name));
    const options = ['-f', override, '--profile', 'monitoring'];
    await this.compose([...options, 'up', '--detach', '--no-recreate', ...services], UP_MS);
  }

  /** Names of the containers of a service, in the order of their numbers. */
  async replicas(service: string): Promise<string[]> {
    const filters = [`project=${this.name}`, `service=${service}`].flatMap((label) => [
      '--filter',
      `label=com.docker.compose.${label}`,
    ]);
    return (await dockerLines(['ps', '-a', ...filters, '--format', '{{.Names}}'])).sort();
  }

  /** Names of the containers of sessions, whatever their state. */
  instances(session?: string): Promise<string[]> {
    const labels = [`${LABEL.deployment}=${this.name}`, ...(session ? [`${LABEL.session}=${session}`] : [])];
    return dockerLines([
      'ps',
      '-a',
      ...labels.flatMap((label) => ['--filter', `label=${label}`]),
      '--format',
      '{{.Names}}',
    ]);
  }

  /** Sends a signal to the processes of a container whose command line has `pattern`; Docker does not know who did it. */
  async signal(container: string, pattern: RegExp, signal: NodeJS.Signals): Promise<void> {
    const [, ...processes] = await dockerLines(['top', container, '-eo', 'pid,args']);
    const pids = processes.flatMap((line) => {
      const [, pid = '', args = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
      return pattern.test(args) ? [pid] : [];
    });
    if (pids.length === 0) throw new Error(`${container} has no process ${pattern}: ${processes.join('; ')}`);
    const send = 'for (const pid of process.argv.slice(2)) process.kill(+pid, process.argv[1])';
    const rights = ['--pid=host', '--cap-drop=ALL', '--cap-add=KILL'];
    await this.#inImage(rights, 'node', '-e', send, signal, ...pids);
  }

  /** One command of Redis. */
  async redis(command: string): Promise<string> {
    const [redis = ''] = await this.replicas('redis');
    const authorized = `REDISCLI_AUTH=$(cat /run/keys/redis-password) exec redis-cli ${command}`;
    return docker(['exec', redis, 'sh', '-c', authorized]);
  }

  /** One command as root in a container of the image, without a network. */
  #inImage(options: readonly string[], program: string, ...args: string[]): Promise<string> {
    const image = this.#env.MCP_IMAGE as string;
    const common = ['--rm', '--network=none', '--user=0:10001'];
    return docker(['run', ...common, ...options, `--entrypoint=${program}`, image, ...args]);
  }

  /** Resolves when every service runs and is healthy. */
  async whole(): Promise<void> {
    await eventually(
      'every service is healthy',
      async () => {
        const lines = (await this.compose(['ps', '-a', '--format', 'json'])).split('\n');
        const services = lines.map((line) => JSON.parse(line) as Service);
        return services.every(({ State, Health, ExitCode }) =>
          State === 'exited' ? ExitCode === 0 : State === 'running' && (Health === '' || Health === 'healthy'),
        );
      },
      WHOLE_MS,
    );
  }

  /** A session of a new terminal with a workspace of its own. */
  async open(terminal: string): Promise<OpenedSession & { readonly ledger: string }> {
    const workspace = join(this.#work, terminal);
    mkdirSync(workspace);
    if (process.getuid?.() === 0) chownSync(workspace, DEVELOPER.uid, DEVELOPER.gid);
    const opened = await this.#api<OpenedSession>('POST', '/api/sessions', {
      terminal: { name: terminal, host: 'elsewhere' },
      workspace,
    });
    return { ...opened, ledger: join(workspace, 'ledger') };
  }

  async sessions(): Promise<string[]> {
    return (await this.#api<SessionList>('GET', '/api/sessions')).sessions.map(({ id }) => id);
  }

  async end(session: string): Promise<void> {
    await this.#api('DELETE', `/api/sessions/${session}`);
  }

  /** One attempt. @returns the status */
  async login(username: string, password: string): Promise<number> {
    const answer = await fetch(`${this.url}/admin/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
      signal: AbortSignal.timeout(API_MS),
    });
    await answer.arrayBuffer();
    return answer.status;
  }

  #api<T>(method: string, path: string, body?: object): Promise<T> {
    return askAsOwner({ url: this.url, credential: this.#credential }, method, path, body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.compose(['--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '2'], UP_MS);
    const left = await this.instances();
    if (left.length > 0) await docker(['rm', '--force', '--volumes', ...left], { deadlineMs: UP_MS });
    // Made by the engine and by the instances, for root and for others.
    if (this.#images.length > 0) {
      await this.#inImage(['-v', `${this.root}:/x`], 'sh', '-c', 'rm -rf /x/s /x/w');
      await docker(['image', 'rm', ...this.#images.toReversed()]);
    }
    rmSync(this.root, { recursive: true });
  }
}
