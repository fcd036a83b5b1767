import type { HostAssignment, HostControl, HostStatus, Retirement } from '../../src/core/channel.ts';
import { AppError } from '../../src/core/errors.ts';
import type { HostLogs, LogEntry, LogLevel, LogSetting, NumberedLine } from '../../src/core/host-logs.ts';
import type { Endpoint } from '../../src/core/session.ts';

/** Hosts that take any assignment, unless told otherwise. */
export class FakeHosts implements HostControl, HostLogs {
  readonly #now: () => number;
  readonly configured: { readonly endpoint: Endpoint; readonly secret: string; readonly assignment: HostAssignment }[] =
    [];
  /** By server: what `configure` rejects with. */
  readonly refusals = new Map<string, Error>();
  /** Awaited by `configure` before it is done. */
  gate: Promise<void> = Promise.resolve();
  /** Answer of `status`; `silent`: none ever. */
  condition: Partial<HostStatus> | 'silent' = {};

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async configure(endpoint: Endpoint, secret: string, assignment: HostAssignment): Promise<void> {
    await this.gate;
    const refusal = this.refusals.get(assignment.server);
    if (refusal) throw refusal;
    this.configured.push({ endpoint, secret, assignment });
  }

  /** By path of the endpoint: hosts that do not answer. */
  readonly silent = new Set<string>();
  /** By path of the endpoint: last use; absent: as long ago as anybody asks for. Infinity: in use. */
  readonly usedAt = new Map<string, number>();
  /** Endpoints whose hosts have agreed to be ended. */
  readonly retired = new Set<string>();
  /** Called by a host that has agreed, before its answer is on its way. */
  onRetired: (path: string) => Promise<void> = async () => {};

  async record(endpoint: Endpoint, secret: string): Promise<string> {
    const path = pathOf(endpoint);
    if (this.silent.has(path)) return new Promise(() => {});
    const known = this.configured.findLast((host) => pathOf(host.endpoint) === path);
    if (known?.secret !== secret) throw new AppError('auth.invalid', 'The bearer secret is wrong');
    return known.assignment.record;
  }

  async retire(endpoint: Endpoint, _: string, idleMs: number, signal: AbortSignal): Promise<Retirement> {
    signal.throwIfAborted();
    const path = pathOf(endpoint);
    if (this.silent.has(path)) return new Promise(() => {});
    const usedAt = this.usedAt.get(path) ?? 0;
    if (usedAt > this.#now() - idleMs) return { retired: false, usedAt: Math.min(usedAt, this.#now()) };
    this.retired.add(path);
    await this.onRetired(path);
    return { retired: true, usedAt };
  }

  /** By path of the endpoint: what the host's log has. */
  readonly logs = new Map<string, LogEntry[]>();
  /** By path of the endpoint: the level that was set last. */
  readonly levels = new Map<string, LogLevel>();

  async *lines(endpoint: Endpoint): AsyncIterable<NumberedLine> {
    const entries = this.logs.get(pathOf(endpoint)) ?? [];
    for (const [at, entry] of entries.entries()) yield { n: at + 1, line: { time: at, stream: 'host', ...entry } };
  }

  async add(endpoint: Endpoint, _: string, entry: LogEntry): Promise<void> {
    const path = pathOf(endpoint);
    if (this.silent.has(path)) return new Promise(() => {});
    this.logs.set(path, [...(this.logs.get(path) ?? []), entry]);
  }

  async setLevel(endpoint: Endpoint, _: string, { level }: LogSetting): Promise<void> {
    this.levels.set(pathOf(endpoint), level);
  }

  async status(endpoint: Endpoint): Promise<HostStatus> {
    const lastActivityAt = this.usedAt.get(pathOf(endpoint)) ?? 0;
    if (this.condition === 'silent' || this.silent.has(pathOf(endpoint))) return new Promise(() => {});
    return {
      boot: 'b',
      configured: true,
      children: 0,
      channels: 0,
      restarts: 0,
      circuit: 'closed',
      lastActivityAt,
      ...this.condition,
    };
  }
}

function pathOf(endpoint: Endpoint): string {
  return endpoint.kind === 'unix' ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}
