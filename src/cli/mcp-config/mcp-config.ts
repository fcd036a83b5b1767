import { join } from 'node:path';
import { AppError } from '../../core/errors.ts';
import { checkedServer } from '../checked-name.ts';
import { difference } from '../difference.ts';
import type { CliIo } from '../io.ts';
import { jsonOutput } from '../json-output.ts';
import { launcherPath } from '../launcher.ts';
import { managerUrl } from '../manager-address.ts';
import { readText } from '../replace-file.ts';
import { undo, writeWithBackup } from './backup.ts';
import type { Client, ClientConfig } from './client-config.ts';
import { clientConfig } from './client-config.ts';
import { merge, render } from './merge-config.ts';
import { userFile } from './user-file.ts';

export interface McpConfigOptions {
  readonly client: Client;
  /** One server; absent: all. */
  readonly server?: string;
  readonly write?: boolean;
  /** Show what `write` would change. */
  readonly dryRun?: boolean;
  /** Take the last `write` back. */
  readonly undo?: boolean;
  /** The client's file for all folders, in place of the one in this folder. */
  readonly user?: boolean;
  readonly json?: boolean;
}

/** The file as it is and as it would be. */
interface Change {
  /** As people are told. */
  readonly name: string;
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/** Prints a client's configuration, or merges it into the client's file, or takes that back. */
export async function mcpConfig(io: CliIo, options: McpConfigOptions): Promise<number> {
  const { client, server, write, dryRun } = options;
  if ([write, dryRun, options.undo].filter(Boolean).length > 1) {
    throw new AppError('request.invalid', 'choose one of --write, --dry-run and --undo');
  }
  if (server !== undefined) checkedServer(server);
  if (options.undo) return undone(io, options);
  const manager = managerUrl(io.env);
  const config = clientConfig(client, { launcher: launcherPath(io.env), manager, ...(server && { server }) });
  if (write || dryRun) return applied(io, options, await changeOf(io, config, options));
  io.stdout.write(
    options.json
      ? jsonOutput('mcp-config', { client, ...fileOf(io, config.file, options), ...config })
      : render(config),
  );
  return 0;
}

function fileOf(io: CliIo, file: string, { client, user }: McpConfigOptions): { name: string; path: string } {
  const path = user ? userFile(client, io.env, process.platform) : join(io.cwd, file);
  return { name: user ? path : file, path };
}

async function changeOf(io: CliIo, config: ClientConfig, options: McpConfigOptions): Promise<Change> {
  const { name, path } = fileOf(io, config.file, options);
  const before = await readText(path);
  const merged = merge(before, config);
  if ('text' in merged) return { name, path, before, after: merged.text };
  throw new AppError(
    'config.invalid',
    `${name} was left as it is: ${merged.problem}. Add by hand what 'mcp-config --client ${options.client}' prints`,
  );
}

async function applied(
  io: CliIo,
  { client, user, dryRun }: McpConfigOptions,
  { name, path, before, after }: Change,
): Promise<number> {
  if (after === before) io.stderr.write(`${name} is right already\n`);
  else if (dryRun) io.stdout.write(difference(io, name, before || undefined, after));
  else {
    await writeWithBackup(io.env, path, after);
    io.stderr.write(`${name} written ('mcp-config --undo --client ${client}${user ? ' --user' : ''}' takes it back)\n`);
  }
  return 0;
}

async function undone(io: CliIo, options: McpConfigOptions): Promise<number> {
  const { file } = clientConfig(options.client, { launcher: '', manager: '' });
  const { name, path } = fileOf(io, file, options);
  io.stderr.write(`${name} ${await undo(io.env, path)}\n`);
  return 0;
}
