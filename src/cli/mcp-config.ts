import { join } from 'node:path';
import { AppError } from '../core/errors.ts';
import { isServerName } from '../core/ids.ts';
import type { Client } from './client-config.ts';
import { clientConfig } from './client-config.ts';
import type { CliIo } from './io.ts';
import { launcherPath } from './launcher.ts';
import { managerUrl } from './manager-address.ts';
import { merge, render } from './merge-config.ts';
import { readText, replaceFile } from './replace-file.ts';

export interface McpConfigOptions {
  readonly client: Client;
  /** One server; absent: all. */
  readonly server?: string;
  readonly write?: boolean;
}

/** Prints a client's configuration, or merges it into the client's file in this folder. */
export async function mcpConfig(io: CliIo, { client, server, write }: McpConfigOptions): Promise<number> {
  if (server !== undefined && !isServerName(server)) {
    throw new AppError('request.invalid', `"${server}" is not the name of a server: 'status' lists them`);
  }
  const manager = managerUrl(io.env);
  const config = clientConfig(client, { launcher: launcherPath(io.env), manager, ...(server && { server }) });
  if (!write) {
    io.stdout.write(render(config));
    return 0;
  }
  const file = join(io.cwd, config.file);
  const before = await readText(file);
  const merged = merge(before, config);
  if ('problem' in merged) {
    throw new AppError(
      'config.invalid',
      `${config.file} was left as it is: ${merged.problem}. Add this by hand:\n${render(config)}`,
    );
  }
  if (merged.text !== before) await replaceFile(file, merged.text);
  io.stderr.write(`${config.file} ${merged.text === before ? 'is right already' : 'written'}\n`);
  return 0;
}
