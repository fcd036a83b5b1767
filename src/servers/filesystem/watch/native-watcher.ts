import { Worker } from 'node:worker_threads';
import type { HintedNames } from './hints.ts';

/** What is asked of the thread (native-thread.ts). */
export type NativeRequest =
  | { readonly type: 'add'; readonly directories: readonly string[] }
  | { readonly type: 'remove'; readonly directories: readonly string[] };

/** What it says: 'done' for each request, in order. */
export type NativeMessage =
  | { readonly type: 'done' }
  /** @property count how many notifications that were */
  | { readonly type: 'hints'; readonly hinted: HintedNames; readonly count: number }
  | { readonly type: 'failed'; readonly code: string };

export interface NativeEvents {
  hint(hinted: HintedNames, count: number): void;
  /** It cannot go on. @param code of an error of the system, or of Node */
  failed(code: string): void;
}

/**
 * The system's own notifications of changes, from a thread of their own: they come in bursts of thousands, which are taken from
 * the system's queue all at once.
 */
export class NativeWatcher {
  readonly #worker: Worker;
  readonly #pending: (() => void)[] = [];
  #over = false;

  /** @param program what is run in the thread, which is to call `serveNotifications` */
  constructor(program: URL, events: NativeEvents) {
    this.#worker = new Worker(program);
    this.#worker.on('message', (message: NativeMessage) => {
      if (message.type === 'done') this.#pending.shift()?.();
      else if (this.#over) return;
      else if (message.type === 'hints') events.hint(message.hinted, message.count);
      else events.failed(message.code);
    });
    const end = (code: string): void => {
      const unexpected = !this.#over;
      this.#end();
      if (unexpected) events.failed(code);
    };
    this.#worker.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    this.#worker.on('exit', () => end('the thread has ended'));
  }

  /** When it resolves, whatever happens in these directories, absolute paths, is reported; or it has ended. */
  async add(directories: readonly string[]): Promise<void> {
    await this.#ask({ type: 'add', directories });
  }

  async remove(directories: readonly string[]): Promise<void> {
    await this.#ask({ type: 'remove', directories });
  }

  async close(): Promise<void> {
    this.#end();
    await this.#worker.terminate();
  }

  #ask(request: NativeRequest): Promise<void> {
    if (this.#over) return Promise.resolve();
    return new Promise((resolve) => {
      this.#pending.push(resolve);
      this.#worker.postMessage(request);
    });
  }

  #end(): void {
    this.#over = true;
    for (const resolve of this.#pending.splice(0)) resolve();
  }
}

/** What the code that `failed` gets means, and what to do. */
export function lackOf(code: string): string {
  if (code === 'ENOSPC') return 'the system has no inotify watches left (ENOSPC): raise fs.inotify.max_user_watches';
  if (code === 'EMFILE' || code === 'ENFILE')
    return `the system can give no more files or inotify instances (${code}): raise fs.inotify.max_user_instances, or the limit of open files`;
  return `the system's notifications are not to be had (${code})`;
}
