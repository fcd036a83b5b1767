import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { ProcessIdentity } from '../../core/session.ts';
import type { ProcessTable } from '../../os/process-table.ts';

const POLL_MIN_MS = 2;
const POLL_MAX_MS = 50;
/** How long the kernel may take to end what was killed. */
const KILL_DEADLINE_MS = 5_000;

/** The processes of one instance: its hosts, everything below them, and everything that carries its mark. */
export class ProcessTree {
  readonly #table: ProcessTable;
  readonly #clock: Clock;
  readonly #mark: { readonly name: string; readonly value: string };
  /** Leaders of a process group each. */
  readonly #hosts: readonly ProcessIdentity[];
  #members: ProcessIdentity[];

  /**
   * @param hosts those that have ended already are left out
   * @param mark environment variable that the hosts were started with
   */
  constructor(
    table: ProcessTable,
    clock: Clock,
    hosts: readonly ProcessIdentity[],
    mark: { readonly name: string; readonly value: string },
  ) {
    this.#table = table;
    this.#clock = clock;
    this.#mark = mark;
    this.#hosts = hosts.filter((host) => table.isAlive(host));
    this.#members = [...this.#hosts];
  }

  /**
   * Ends all of it: asks the hosts and their groups (SIGTERM), then whoever outlives them, and kills what is left after
   * `graceMs`. A process whose start time is another's is never touched.
   * @returns how many had to be killed
   * @throws AppError `server.busy` if some do not end even so
   */
  async end(graceMs: number): Promise<number> {
    const deadline = this.#clock.now() + graceMs;
    if (graceMs > 0 && this.#hosts.length > 0) {
      this.#members = this.#withDescendants();
      for (const host of this.#hosts) signalGroup(host.pid, 'SIGTERM');
      await this.#gone(this.#hosts, deadline);
    }
    this.#look();
    if (this.#members.length > 0 && this.#clock.now() < deadline) {
      for (const { pid } of this.#members) signal(pid, 'SIGTERM');
      await this.#gone(this.#members, deadline);
      this.#look();
    }
    return this.#kill();
  }

  async #kill(): Promise<number> {
    const deadline = this.#clock.now() + KILL_DEADLINE_MS;
    const killed = new Set<number>();
    for (const host of this.#hosts) if (!this.#isReused(host)) signalGroup(host.pid, 'SIGKILL');
    for (let wait = POLL_MIN_MS; this.#members.length > 0; wait = Math.min(wait * 2, POLL_MAX_MS)) {
      if (this.#clock.now() >= deadline) throw unkillable(this.#members);
      for (const member of this.#members) {
        killed.add(member.pid);
        if (this.#table.isAlive(member)) signal(member.pid, 'SIGKILL');
      }
      await this.#clock.sleep(wait);
      this.#look();
    }
    return killed.size;
  }

  /** A group keeps its number for itself while it has members, even without its leader. */
  #isReused(host: ProcessIdentity): boolean {
    const now = this.#table.identity(host.pid);
    return now !== undefined && now.startedAt !== host.startedAt;
  }

  /** Waits until all of them have ended, at most until `deadline`. */
  async #gone(processes: readonly ProcessIdentity[], deadline: number): Promise<void> {
    let wait = POLL_MIN_MS;
    while (processes.some((each) => this.#table.isAlive(each)) && this.#clock.now() < deadline) {
      await this.#clock.sleep(Math.min(wait, deadline - this.#clock.now()));
      wait = Math.min(wait * 2, POLL_MAX_MS);
    }
  }

  /** Finds who is left. */
  #look(): void {
    const marked = this.#table.carrying(this.#mark.name, this.#mark.value);
    this.#members = this.#withDescendants(marked);
  }

  #withDescendants(more: readonly number[] = []): ProcessIdentity[] {
    const alive = this.#members.filter((member) => this.#table.isAlive(member)).map((member) => member.pid);
    const roots = [...alive, ...more];
    const pids = new Set([...roots, ...roots.flatMap((pid) => this.#table.descendants(pid))]);
    pids.delete(process.pid);
    return [...pids].flatMap((pid) => this.#table.identity(pid) ?? []);
  }
}

function unkillable(members: readonly ProcessIdentity[]): AppError {
  const pids = members.map((member) => member.pid).join(', ');
  return new AppError(
    'server.busy',
    `Process ${pids} does not end, not even by SIGKILL: it waits for a device or belongs to another user; end it by hand`,
  );
}

/** Signals a process group; a process alone if it leads none. */
function signalGroup(pid: number, name: NodeJS.Signals): void {
  if (!signal(-pid, name)) signal(pid, name);
}

/** False: there is no such process any more, or it may not be signalled. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}
