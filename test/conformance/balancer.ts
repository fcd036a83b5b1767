import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { docker } from '../faults/docker.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

const CONFIGURATION = fileURLToPath(new URL('../../docker/haproxy.cfg', import.meta.url));
/** The same as in compose.yaml. */
export const IMAGE = 'haproxy:3.2-bookworm';
const SERVED = /^\S+ \d+ rc=\S+ srv=(replica\d+) /gm;

/**
 * HAProxy as it is deployed, but for one thing: it is not sticky. Each request goes to the next replica. It runs in a
 * container on the machine's own network.
 */
export class UnstickyBalancer implements AsyncDisposable {
  readonly url: string;
  readonly #name = `conformance-${randomBytes(3).toString('hex')}`;
  readonly #directory = mkdtempSync(join(tmpdir(), 'balancer-'));

  private constructor(port: number, replicas: readonly string[]) {
    this.url = `http://127.0.0.1:${port}`;
    writeFileSync(this.#file, unsticky(readFileSync(CONFIGURATION, 'utf8'), port, replicas));
  }

  /**
   * Resolves when requests get through.
   * @param replicas base URLs of the gateways
   * @param env its environment, `NAME=value` each
   */
  static async start(replicas: readonly string[], env: readonly string[] = []): Promise<UnstickyBalancer> {
    const balancer = new UnstickyBalancer(await freePort(), replicas);
    try {
      await balancer.#start(env);
    } catch (error) {
      await balancer[Symbol.asyncDispose]();
      throw error;
    }
    return balancer;
  }

  /** How many requests each replica has answered. */
  async served(): Promise<Record<string, number>> {
    const log = await docker(['logs', this.#name]);
    const count: Record<string, number> = {};
    for (const [, replica = ''] of log.matchAll(SERVED)) count[replica] = (count[replica] ?? 0) + 1;
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await docker(['rm', '--force', '--volumes', this.#name]);
    rmSync(this.#directory, { recursive: true });
  }

  get #file(): string {
    return join(this.#directory, 'haproxy.cfg');
  }

  async #start(env: readonly string[]): Promise<void> {
    const rights = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges:true', '--network=host'];
    const configuration = `${this.#file}:/usr/local/etc/haproxy/haproxy.cfg:ro`;
    const variables = env.flatMap((one) => ['--env', one]);
    await docker(['run', '--detach', '--name', this.#name, ...rights, ...variables, '--volume', configuration, IMAGE]);
    await eventually('the balancer passes requests on', async () => {
      const state = await docker(['inspect', '--format', '{{.State.Status}}', this.#name]);
      if (state !== 'running') throw new Error(await docker(['logs', this.#name]));
      return (await fetch(`${this.url}/readyz`)).ok;
    });
  }
}

/** The deployment's configuration, for gateways on this machine, and with `roundrobin` in place of the hash. */
function unsticky(deployed: string, port: number, replicas: readonly string[]): string {
  const servers = replicas.map((url, index) => `    server replica${index + 1} ${new URL(url).host}`).join('\n');
  const changes: readonly [what: RegExp, instead: string][] = [
    [/^resolvers local\n(?: .*\n)+/m, ''],
    [/^frontend operations\n(?: .*\n)+/m, ''],
    [/^ {4}bind :8900$/m, `    bind 127.0.0.1:${port}`],
    [/^ {4}balance hash .*$/gm, '    balance roundrobin'],
    [/^ {4}hash-.*\n/gm, ''],
    [/ hash-key addr$/gm, ''],
    [/^ {4}server-template .*$/gm, servers],
  ];
  return changes.reduce((text, [what, instead]) => {
    const changed = text.replace(what, instead);
    if (changed === text) throw new Error(`docker/haproxy.cfg has nothing like ${what}`);
    return changed;
  }, deployed);
}
