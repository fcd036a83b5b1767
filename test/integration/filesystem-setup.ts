import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { expect, onTestFinished } from 'vitest';

export const PROGRAM = fileURLToPath(new URL('../../src/servers/filesystem/index.ts', import.meta.url));

export interface Change {
  readonly path: string;
  readonly type: string;
  readonly kind: string;
}

/** What `fs_watch_start` and `fs_changes` answer. */
export interface Answer {
  readonly watch: string;
  readonly path: string;
  readonly state: string;
  readonly mode: string;
  readonly mode_reason?: string;
  readonly durable: boolean;
  readonly entries: number;
  readonly overflow: boolean;
  readonly overflow_reason?: string;
  readonly changes: readonly Change[];
  readonly more: boolean;
  readonly cursor: string;
}

/** An empty directory that goes with the test; its path has no links. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'filesystem-test-')));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A workspace, and a directory of the session beside it. */
export async function place(): Promise<{ workspace: string; configDir: string }> {
  const directory = await temporaryDirectory();
  const [workspace, configDir] = [join(directory, 'work'), join(directory, 'config')];
  await mkdir(workspace);
  await mkdir(configDir);
  return { workspace, configDir };
}

export interface Launch {
  readonly configDir?: string;
  /** What runs the server: a command that is given Node's as its arguments. */
  readonly by?: readonly string[];
}

/** The server in a process of its own, and the official client on it; ends with the test at the latest. */
export async function launch(workspace: string, { configDir, by = [] }: Launch = {}): Promise<WatchClient> {
  const [command = '', ...args] = [...by, process.execPath, PROGRAM, workspace];
  const env = configDir === undefined ? {} : { MCP_CONFIG_DIR: configDir };
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StdioClientTransport({ command, args, env, stderr: 'ignore' }));
  // With the list the client checks every structured answer against its output schema.
  await client.listTools();
  onTestFinished(() => client.close());
  return new WatchClient(client);
}

export class WatchClient {
  readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  async call<T = Answer>(name: string, args: object = {}): Promise<T> {
    const result = await this.client.callTool({ name, arguments: { ...args } }, undefined, { timeout: 120_000 });
    if (result.isError) throw new Error(JSON.stringify(result.content));
    return result.structuredContent as T;
  }

  start(path: string, more: object = {}): Promise<Answer> {
    return this.call('fs_watch_start', { path, ...more });
  }

  changes(cursor: string, more: object = {}): Promise<Answer> {
    return this.call('fs_changes', { cursor, ...more });
  }

  /** The answers from a cursor on, up to the one with which `done` is content. */
  async until(cursor: string, done: (seen: ReadonlyMap<string, Change>) => boolean): Promise<Followed> {
    const seen = new Map<string, Change>();
    let at = cursor;
    while (!done(seen)) {
      const answer = await this.changes(at, { wait_seconds: 20 });
      expect(answer.changes.length, 'changes within 20 s').toBeGreaterThan(0);
      for (const change of answer.changes) seen.set(change.path, change);
      at = answer.cursor;
    }
    return { seen, cursor: at };
  }
}

export interface Followed {
  /** The last change of each path. */
  readonly seen: ReadonlyMap<string, Change>;
  readonly cursor: string;
}

/** `kind` and path below `root` of each change, sorted. */
export function briefly(changes: Iterable<Change>, root: string): string[] {
  return [...changes].map(({ path, kind }) => `${kind} ${path.slice(root.length + 1)}`).sort();
}
