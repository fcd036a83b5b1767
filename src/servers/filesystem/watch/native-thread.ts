import { basename } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { FSWatcher } from 'chokidar';
import { Hints } from './hints.ts';
import type { NativeMessage, NativeRequest } from './native-watcher.ts';

/** Directories that are added together: chokidar looks at everything in them at once. */
const GROUP = 16;
/** For how long notifications are collected, milliseconds. */
const COLLECT_MS = 10;

/** Answers the requests of a `NativeWatcher`, one after the other, and sends it what the system notifies of. */
export function serveNotifications(port: MessagePort): void {
  const send = (message: NativeMessage): void => port.postMessage(message);
  const subscriptions = new Subscriptions(send);
  let last: Promise<void> = Promise.resolve();
  port.on('message', (request: NativeRequest) => {
    last = last.then(async () => {
      if (request.type === 'add') await subscriptions.add(request.directories);
      else for (const directory of request.directories) await subscriptions.remove(directory);
      send({ type: 'done' });
    });
  });
}

/**
 * One subscription for each directory, by chokidar. It is kept from following what is in a directory: it would hold every file
 * in memory. So each directory is added by itself, with nothing in it of interest, and the events are those that the system
 * sends. These chokidar calls unstable ("raw"), which is why its version is pinned.
 */
class Subscriptions {
  readonly #send: (message: NativeMessage) => void;
  /** Directories that were added together share a watcher, and its `ready`. */
  readonly #groups = new Map<string, Group>();
  readonly #hints = new Hints();
  #count = 0;

  constructor(send: (message: NativeMessage) => void) {
    this.#send = send;
  }

  async add(directories: readonly string[]): Promise<void> {
    const events = {
      hint: (directory: string, name?: string) => this.#hint(directory, name),
      failed: (code: string) => this.#send({ type: 'failed', code }),
    };
    for (let start = 0; start < directories.length; start += GROUP) {
      const group = new Group(directories.slice(start, start + GROUP), events);
      for (const directory of group.directories) this.#groups.set(directory, group);
      await group.ready;
    }
  }

  /** Before a directory of the same path is added: chokidar would take the one's subscription for the other's. */
  async remove(directory: string): Promise<void> {
    const group = this.#groups.get(directory);
    this.#groups.delete(directory);
    await group?.remove(directory);
  }

  #hint(directory: string, name: string | undefined): void {
    if (this.#hints.size === 0)
      setTimeout(() => {
        this.#send({ type: 'hints', hinted: this.#hints.take(), count: this.#count });
        this.#count = 0;
      }, COLLECT_MS);
    this.#hints.add(directory, name);
    this.#count += 1;
  }
}

interface GroupEvents {
  hint(directory: string, name?: string): void;
  failed(code: string): void;
}

class Group {
  readonly directories: Set<string>;
  readonly ready: Promise<void>;
  readonly #watcher: FSWatcher;

  constructor(directories: readonly string[], events: GroupEvents) {
    this.directories = new Set(directories);
    this.#watcher = new FSWatcher({
      backend: 'native',
      depth: 0,
      atomic: false,
      followSymlinks: false,
      ignoreInitial: true,
      ignorePermissionErrors: true,
      ignored: (path) => !this.directories.has(path),
    });
    this.ready = new Promise((resolve) => this.#watcher.on('ready', resolve));
    this.#watcher.on('raw', (_event, name, details) => {
      const { watchedPath } = details as { watchedPath: string };
      // A directory's own end is reported under its own name.
      if (name === null || name === basename(watchedPath)) events.hint(watchedPath);
      else events.hint(watchedPath, name);
    });
    this.#watcher.on('error', (error) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EMFILE' || code === 'ENFILE') events.failed(code);
    });
    this.#watcher.add([...directories]);
  }

  async remove(directory: string): Promise<void> {
    this.directories.delete(directory);
    if (this.directories.size === 0) await this.#watcher.close();
    else this.#watcher.unwatch(directory);
  }
}
