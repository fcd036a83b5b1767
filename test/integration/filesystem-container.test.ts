import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { requires } from '../support/requires.ts';
import { launch, temporaryDirectory, type WatchClient } from './filesystem-setup.ts';

/** Any with a Node that runs TypeScript; which one runs here is this repository's own. */
const IMAGE = 'node:24-bookworm-slim';
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const CHURN = fileURLToPath(new URL('../fakes/filesystem-churn.ts', import.meta.url));
const MINUTES = 60_000;

/** Runs a command in a container as the Docker runtime would: of this machine it sees the workspace, and here the sources. */
const contained = (workspace: string): string[] => [
  ...['docker', 'run', '--rm', '--interactive', '--init', '--network', 'none', '--read-only', '--cap-drop', 'ALL'],
  ...['--memory', '512m', '--user', `${process.getuid?.()}:${process.getgid?.()}`],
  ...['--volume', `${REPOSITORY}:${REPOSITORY}:ro`, '--volume', `${workspace}:${workspace}`, IMAGE],
];

/** Type of each path below `root`, as the file system has it. */
async function treeOf(root: string): Promise<Map<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return new Map(
    entries.map((entry) => [join(entry.parentPath, entry.name), entry.isDirectory() ? 'directory' : 'file']),
  );
}

/** A tree that is kept by changes alone. */
class Mirror {
  readonly tree = new Map<string, string>();
  readonly #server: WatchClient;
  #cursor: string;

  constructor(server: WatchClient, cursor: string) {
    this.#server = server;
    this.#cursor = cursor;
  }

  /** Takes what there is to take, or waits a second for it. */
  async follow(): Promise<void> {
    const answer = await this.#server.changes(this.#cursor, { wait_seconds: 1 });
    expect(answer.overflow).toBe(false);
    for (const { path, type, kind } of answer.changes) {
      if (kind === 'deleted') this.tree.delete(path);
      else this.tree.set(path, type);
    }
    this.#cursor = answer.cursor;
  }
}

const sorted = (tree: ReadonlyMap<string, string>) => [...tree].sort(([a], [b]) => (a < b ? -1 : 1));

requires('docker')('watching from within a container', () => {
  it.each([{ mode: 'native' }, { mode: 'polling' }])(
    '[files.tree] ends with exactly the tree that another process on the host has made of ten thousand files ($mode)',
    async ({ mode }) => {
      const workspace = await temporaryDirectory();
      await chmod(workspace, 0o755);
      const root = join(workspace, 'tree');
      await mkdir(root);
      const server = await launch(workspace, { by: contained(workspace) });
      const { cursor, ...started } = await server.start(root, { polling: mode === 'polling' });
      expect(started).toMatchObject({ mode, entries: 0 });
      const mirror = new Mirror(server, cursor);
      const churn = spawn(process.execPath, [CHURN, root], { stdio: 'ignore' });
      const done = new Promise<number | null>((resolve) => churn.once('exit', resolve));
      let over = false;
      void done.then(() => {
        over = true;
      });
      while (!over) await mirror.follow();
      expect(await done).toBe(0);

      const actual = sorted(await treeOf(root));
      expect(actual.length).toBeGreaterThan(6000);
      await eventually(
        'the same tree',
        async () => {
          await mirror.follow();
          return JSON.stringify(sorted(mirror.tree)) === JSON.stringify(actual);
        },
        MINUTES,
      ).catch(() => {}); // what differs is said below
      expect(sorted(mirror.tree)).toEqual(actual);

      // Whoever reads it all at once, from the same cursor, comes to the same.
      const late = new Mirror(server, cursor);
      do await late.follow();
      while (late.tree.size < actual.length);
      expect(sorted(late.tree)).toEqual(actual);
    },
    3 * MINUTES,
  );
});
