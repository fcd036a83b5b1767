import type { ServerName, SessionId } from '../core/ids.ts';
import type { Instance, InstanceSpec, InstanceStatus, Runtime } from '../core/runtime.ts';

/** Lines of an instance's log that are kept with its failure, and their length in characters. */
const TAIL_LINES = 20;
const TAIL_LENGTH = 4000;

export type Present = Exclude<InstanceStatus, { phase: 'absent' }>;

export const keyOf = (session: SessionId, server: ServerName) => `${session}/${server}`;

/** Those of what a look found that run. */
export const runningAmong = (actual: ReadonlyMap<string, Present>): Instance[] =>
  [...actual.values()].filter(({ phase }) => phase === 'running').map(({ instance }) => instance);

/**
 * The runtime's instances by session and server. What is remembered here is only which id to ask for: whether it runs is
 * asked anew each time. Complete after the first `list`, because only the holder of the lease starts instances.
 */
export class Instances {
  readonly #runtime: Runtime;
  readonly #known = new Map<string, Instance>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** All that is there, by key. A snapshot: to be looked at again (`status`) before anything is done about it. */
  async list(): Promise<Map<string, Present>> {
    const found = new Map<string, Present>();
    for await (const status of this.#runtime.list()) {
      const { labels } = status.instance;
      const key = keyOf(labels.session, labels.server);
      found.set(key, status);
      // One that was started meanwhile is newer than this listing.
      if (!this.#known.has(key)) this.#known.set(key, status.instance);
    }
    return found;
  }

  async status(session: SessionId, server: ServerName): Promise<InstanceStatus> {
    const key = keyOf(session, server);
    const known = this.#known.get(key);
    if (!known) return { phase: 'absent' };
    const status = await this.#runtime.status(known.id);
    if (status.phase === 'absent' && this.#known.get(key) === known) this.#known.delete(key);
    return status;
  }

  async start(spec: InstanceSpec, signal: AbortSignal): Promise<Instance> {
    const instance = await this.#runtime.start(spec, signal);
    const key = keyOf(spec.labels.session, spec.labels.server);
    const known = this.#known.get(key);
    // A start that was given up may still come to an end after its successor's.
    const late = known?.labels.nonce === spec.labels.nonce && known.labels.incarnation > spec.labels.incarnation;
    if (!late) this.#known.set(key, instance);
    return instance;
  }

  async stop(instance: Instance, graceMs: number): Promise<void> {
    await this.#runtime.stop(instance.id, graceMs);
    const key = keyOf(instance.labels.session, instance.labels.server);
    if (this.#known.get(key)?.id === instance.id) this.#known.delete(key);
  }

  /** Servers of this session with an instance. */
  of(session: SessionId): ServerName[] {
    const names: ServerName[] = [];
    for (const { labels } of this.#known.values()) if (labels.session === session) names.push(labels.server);
    return names;
  }

  /** What is known to be there. */
  all(): Iterable<Instance> {
    return this.#known.values();
  }

  /** What the server, or a host that broke down, last said in the instance's log; undefined if nothing. */
  async tail(instance: Instance): Promise<string | undefined> {
    const lines: string[] = [];
    for await (const line of this.#runtime.logs(instance.id, { tail: TAIL_LINES })) {
      const said = wordsIn(line);
      if (said !== undefined) lines.push(said);
    }
    return lines.length > 0 ? lines.join('\n').slice(-TAIL_LENGTH) : undefined;
  }
}

/** The words of a line that are of use to whoever has the server: what it wrote itself, errors, and what is no entry of a log. */
function wordsIn(line: string): string | undefined {
  try {
    const { level, stderr, message } = JSON.parse(line) as { level?: string; stderr?: boolean; message?: string };
    if (level === undefined) return line;
    return stderr || level === 'error' ? message : undefined;
  } catch {
    return line;
  }
}
