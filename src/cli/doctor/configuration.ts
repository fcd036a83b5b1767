import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { stateDirectory } from '../../core/state-directory.ts';
import type { CliIo } from '../io.ts';
import { launcherPath } from '../launcher.ts';
import { managerUrl } from '../manager-address.ts';
import { CLIENTS, type Client, clientConfig } from '../mcp-config/client-config.ts';
import { merge } from '../mcp-config/merge-config.ts';
import { userFile } from '../mcp-config/user-file.ts';
import { type Finding, ok, problem, skipped, warning } from './finding.ts';

/** What the manager was told, as far as it is in files of this machine, and what MCP clients were told here. */
export async function checkConfiguration(io: CliIo): Promise<Finding[]> {
  const state = stateDirectory(io.env);
  const { MCP_SESSION_MANAGER_CONFIG: settings, MCP_SESSION_MANAGER_CATALOGUE: catalogue } = io.env;
  const files = await Promise.all([
    jsonFile(settings, settings !== undefined),
    jsonFile(catalogue || join(state, 'catalogue.json'), Boolean(catalogue), 'mcpServers'),
    jsonFile(join(state, 'accounts.json'), false, 'accounts'),
  ]);
  const mistyped = (await io.configurations()).mistypedVariables();
  const wrong = [
    ...files.flat(),
    ...mistyped.map((text) => warning('configuration', text, 'mend its name, or unset it')),
  ];
  const right = ok('configuration', `the files in ${state} can be read`);
  return [...(wrong.length > 0 ? wrong : [right]), ...(await checkClients(io))];
}

async function jsonFile(file: string | undefined, required: boolean, section?: string): Promise<Finding[]> {
  if (!file) return [];
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown> | null;
    if (typeof value === 'object' && value !== null && (section === undefined || section in value)) return [];
    const text = section ? `${file} has no "${section}"` : `${file} holds no JSON object`;
    return [problem('configuration', text, 'see docs/configuration.md')];
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    const remedy = "mend the file: 'config check' says what is wrong, 'config rollback' takes the last change back";
    return [problem('configuration', `${file}: ${messageOf(error)}`, remedy)];
  }
}

async function checkClients(io: CliIo): Promise<Finding[]> {
  let manager: string;
  try {
    manager = managerUrl(io.env);
  } catch {
    return [skipped('clients', 'their files can be compared when the manager runs')];
  }
  const found = await Promise.all(CLIENTS.map((client) => checkClient(io, client, manager)));
  const findings = found.flat();
  if (findings.length > 0) return findings;
  return [skipped('clients', "no client is configured here: 'mcp-config --write' does it")];
}

async function checkClient(io: CliIo, client: Client, manager: string): Promise<Finding[]> {
  const config = clientConfig(client, { launcher: launcherPath(io.env), manager });
  const files = [
    { file: join(io.cwd, config.file), name: config.file, option: '' },
    {
      file: userFile(client, io.env, process.platform),
      name: userFile(client, io.env, process.platform),
      option: ' --user',
    },
  ];
  const findings = await Promise.all(
    files.map(async ({ file, name, option }) => {
      const text = await readFile(file, 'utf8').catch(() => '');
      if (!/MCP_SESSION_|mcp-session-manager/.test(text)) return [];
      const merged = merge(text, config);
      if ('text' in merged && merged.text === text) return [ok('clients', `${name} is right`)];
      const remedy = `run 'mcp-session-manager mcp-config --client ${client}${option} --write'`;
      return [warning('clients', `${name} is for another manager, or for one server only`, remedy)];
    }),
  );
  return findings.flat();
}
