import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { accepts, end } from './redis.ts';

const SLOTS = 16_384;
const COUNT = 3;

/** A Redis Cluster of three masters, on free ports of 127.0.0.1. */
export class RedisCluster implements AsyncDisposable {
  readonly #directory: string;
  readonly #ports: readonly number[];
  readonly #children: readonly ChildProcess[];

  private constructor(directory: string, ports: readonly number[], children: readonly ChildProcess[]) {
    this.#directory = directory;
    this.#ports = ports;
    this.#children = children;
  }

  static async start(): Promise<RedisCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'cluster-'));
    const nodes: { readonly port: number; readonly bus: number; readonly child: ChildProcess }[] = [];
    for (let n = 0; n < COUNT; n++) {
      const [port, bus] = [await freePort(), await freePort()];
      const listen = ['--bind', '127.0.0.1', '--port', String(port), '--cluster-port', String(bus), '--dir', directory];
      const cluster = ['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${port}.conf`, '--save', ''];
      nodes.push({ port, bus, child: spawn('redis-server', [...listen, ...cluster], { stdio: 'ignore' }) });
      await eventually('redis-server accepts', () => accepts(port));
    }
    for (const [n, { port }] of nodes.entries()) {
      const [from, to] = [n, n + 1].map((share) => Math.floor((SLOTS * share) / COUNT)) as [number, number];
      await ask(port, 'CLUSTER', 'ADDSLOTSRANGE', from, to - 1);
      for (const other of nodes)
        if (other.port !== port) await ask(port, 'CLUSTER', 'MEET', '127.0.0.1', other.port, other.bus);
    }
    for (const { port } of nodes)
      await eventually('the cluster stands', async () => {
        const info = String(await ask(port, 'CLUSTER', 'INFO'));
        return info.includes('cluster_state:ok') && info.includes(`cluster_size:${COUNT}`);
      });
    return new RedisCluster(
      directory,
      nodes.map(({ port }) => port),
      nodes.map(({ child }) => child),
    );
  }

  /** As the program is given it. */
  get url(): string {
    return `redis+cluster://${this.#ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
  }

  /** Keys in each node. */
  async sizes(): Promise<number[]> {
    return Promise.all(this.#ports.map(async (port) => Number(await ask(port, 'DBSIZE'))));
  }

  /** SIGKILL to all nodes. */
  async kill(): Promise<void> {
    for (const child of this.#children) await end(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function ask(port: number, name: string, ...args: (string | number)[]): Promise<unknown> {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => null });
  client.on('error', () => {}); // it is told to whoever asks
  try {
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}
