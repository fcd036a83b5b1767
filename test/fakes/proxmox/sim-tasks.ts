import { invalid, PveFailure } from './failure.ts';

export interface SimTask {
  readonly upid: string;
  readonly node: string;
  readonly type: string;
  readonly id: string;
  readonly user: string;
  /** Seconds since the epoch. */
  readonly starttime: number;
  /** Milliseconds since the epoch. */
  readonly endsAt: number;
  readonly log: string[];
  endtime?: number;
  exitstatus?: string;
}

export interface TaskPlan {
  readonly node: string;
  readonly type: string;
  readonly id: string | number;
  readonly user: string;
  /** What it does at its end; throws what it fails with, returns warnings. */
  readonly work: () => number | undefined;
}

/** Tasks, each of which takes a while and does its work at its end (PVE::RESTEnvironment, `fork_worker`). */
export class SimTasks {
  /** How long each takes, milliseconds. */
  taskMs: number;
  /** How long after that high availability acts, milliseconds. */
  deferMs = 0;
  readonly #now: () => number;
  readonly #all = new Map<string, SimTask & { readonly work: TaskPlan['work'] }>();
  #deferred: { readonly at: number; readonly work: () => void }[] = [];
  readonly #failures: { readonly type: string; readonly message: string }[] = [];
  #count = 0;

  constructor(taskMs: number, now: () => number) {
    this.taskMs = taskMs;
    this.#now = now;
  }

  /** Lets the next task of a type fail with `message`; `WARNINGS: 1` is an end like that. */
  fail(type: string, message: string): void {
    this.#failures.push({ type, message });
  }

  start({ node, type, id, user, work }: TaskPlan): string {
    const starttime = Math.floor(this.#now() / 1000);
    const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0');
    const upid = `UPID:${node}:${hex(++this.#count)}:${hex(0x12345678)}:${hex(starttime)}:${type}:${id}:${user}:`;
    const log = [`${type} ${id} begins`];
    const endsAt = this.#now() + this.taskMs;
    this.#all.set(upid, { upid, node, type, id: String(id), user, starttime, endsAt, log, work });
    this.settle();
    return upid;
  }

  /** Does something on its own, after a task that begins now would have ended. */
  defer(work: () => void): void {
    this.#deferred.push({ at: this.#now() + this.taskMs + this.deferMs, work });
  }

  /** Ends what has taken its time. */
  settle(): void {
    const due = this.#deferred.filter((one) => one.at <= this.#now());
    this.#deferred = this.#deferred.filter((one) => !due.includes(one));
    for (const { work } of due) work();
    for (const task of this.#all.values())
      if (task.exitstatus === undefined && task.endsAt <= this.#now()) this.#end(task);
  }

  /** Ends everything that runs, now. */
  finish(): void {
    for (const task of this.#all.values()) if (task.exitstatus === undefined) this.#end(task);
  }

  stop(upid: string): void {
    const task = this.get(upid);
    if (task.exitstatus === undefined) this.#finish(task, 'unexpected status');
  }

  get(upid: string): SimTask {
    this.settle();
    const task = this.#all.get(upid);
    if (task) return task;
    throw invalid('upid', /^UPID:/.test(upid) ? 'no such task' : 'unable to parse worker upid');
  }

  /** Newest first. */
  list(): SimTask[] {
    this.settle();
    return [...this.#all.values()].reverse();
  }

  #end(task: SimTask & { readonly work: TaskPlan['work'] }): void {
    const index = this.#failures.findIndex((one) => one.type === task.type);
    const [planned] = index < 0 ? [] : this.#failures.splice(index, 1);
    if (planned && !planned.message.startsWith('WARNINGS')) {
      this.#finish(task, planned.message);
      return;
    }
    try {
      const warnings = task.work();
      this.#finish(task, planned?.message ?? (warnings ? `WARNINGS: ${warnings}` : 'OK'));
    } catch (error) {
      if (!(error instanceof PveFailure)) throw error;
      this.#finish(task, error.message);
    }
  }

  #finish(task: SimTask, exitstatus: string): void {
    task.exitstatus = exitstatus;
    task.endtime = Math.floor(this.#now() / 1000);
    task.log.push(/^(OK|WARNINGS)/.test(exitstatus) ? `TASK ${exitstatus}` : `TASK ERROR: ${exitstatus}`);
  }
}
