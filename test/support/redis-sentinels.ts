import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { accepts, end } from './redis.ts';

const NAME = 'sessions';
const PASSWORD = 'a/b@c';
const SENTINEL_PASSWORD = 'd/e@f';
/** So many Sentinels, of which two agree, and so many servers. */
const COUNT = 3;
/** After this silence a Sentinel takes the master for dead, milliseconds. */
const DOWN_MS = 1000;

interface Server {
  readonly port: number;
  child: ChildProcess;
}

/** A master with two replicas, and three Sentinels with a password that watch over them: real ones, on free ports of 127.0.0.1. */
export class RedisSentinels implements AsyncDisposable {
  readonly #directory: string;
  readonly #servers: readonly Server[];
  readonly #sentinels: readonly Server[];

  private constructor(directory: string, servers: readonly Server[], sentinels: readonly Server[]) {
    this.#directory = directory;
    this.#servers = servers;
    this.#sentinels = sentinels;
  }

  static async start(): Promise<RedisSentinels> {
    const directory = await mkdtemp(join(tmpdir(), 'sentinels-'));
    const servers: Server[] = [];
    for (let n = 0; n < COUNT; n++) {
      const port = await freePort();
      const of = servers[0] ? ['--replicaof', '127.0.0.1', String(servers[0].port)] : [];
      servers.push({ port, child: await startServer(directory, port, of) });
    }
    const sentinels: Server[] = [];
    for (let n = 0; n < COUNT; n++) sentinels.push(await startSentinel(directory, servers[0]?.port ?? 0));
    const all = new RedisSentinels(directory, servers, sentinels);
    await all.#complete();
    return all;
  }

  /** As the program is given it. */
  get url(): string {
    const hosts = this.#sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const passwords = [PASSWORD, SENTINEL_PASSWORD].map(encodeURIComponent);
    return `redis+sentinel://:${passwords[0]}@${hosts}/${NAME}?sentinelPassword=${passwords[1]}`;
  }

  /** The master's own. */
  async masterUrl(): Promise<string> {
    return `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${await this.master()}`;
  }

  /** The port of the server that the Sentinels hold for the master. */
  async master(): Promise<number> {
    const [, port] = await this.#ask<[string, string]>('GET-MASTER-ADDR-BY-NAME');
    return Number(port);
  }

  /** Sends a signal to the master; returns its port. */
  async signal(name: NodeJS.Signals): Promise<number> {
    const port = await this.master();
    this.#servers.find((server) => server.port === port)?.child.kill(name);
    return port;
  }

  /** SIGCONT to a server that was stopped. */
  resume(port: number): void {
    this.#servers.find((server) => server.port === port)?.child.kill('SIGCONT');
  }

  async killSentinel(): Promise<void> {
    if (this.#sentinels[0]) await end(this.#sentinels[0].child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of [...this.#sentinels, ...this.#servers]) {
      child.kill('SIGCONT');
      await end(child);
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Each Sentinel knows the others and both replicas: before that none of them can lead a failover. */
  async #complete(): Promise<void> {
    for (const { port } of this.#sentinels)
      await eventually('the Sentinels know each other', async () => {
        const master = await askSentinel<string[]>(port, 'MASTER');
        const of = (field: string) => Number(master[master.indexOf(field) + 1]);
        return of('num-slaves') === COUNT - 1 && of('num-other-sentinels') === COUNT - 1;
      });
  }

  async #ask<T>(command: string): Promise<T> {
    for (const { port, child } of this.#sentinels)
      if (child.exitCode === null && child.signalCode === null) return askSentinel<T>(port, command);
    throw new Error('no Sentinel is left');
  }
}

async function startServer(directory: string, port: number, more: readonly string[]): Promise<ChildProcess> {
  const listen = ['--bind', '127.0.0.1', '--port', String(port), '--dir', directory];
  const secret = ['--requirepass', PASSWORD, '--masterauth', PASSWORD];
  const quick = ['--save', '', '--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0'];
  const child = spawn('redis-server', [...listen, ...secret, ...quick, ...more], { stdio: 'ignore' });
  await eventually('redis-server accepts', () => accepts(port));
  return child;
}

async function startSentinel(directory: string, master: number): Promise<Server> {
  const port = await freePort();
  const file = join(directory, `sentinel-${port}.conf`);
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${SENTINEL_PASSWORD}`,
    `dir ${directory}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${master} 2`,
    `sentinel auth-pass ${NAME} ${PASSWORD}`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_MS}`,
    `sentinel failover-timeout ${NAME} 5000`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  await eventually('a Sentinel accepts', () => accepts(port));
  return { port, child };
}

async function askSentinel<T>(port: number, command: string): Promise<T> {
  const client = new Redis({ port, host: '127.0.0.1', password: SENTINEL_PASSWORD, retryStrategy: () => null });
  client.on('error', () => {}); // it is told to whoever asks
  try {
    return (await client.call('SENTINEL', command, NAME)) as T;
  } finally {
    client.disconnect();
  }
}
