import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CliIo } from '../io.ts';
import { launcherPath } from '../launcher.ts';
import { managerUrl } from '../manager-address.ts';
import { CLIENTS, type Client, clientConfig } from '../mcp-config/client-config.ts';
import { merge } from '../mcp-config/merge-config.ts';
import { userFile } from '../mcp-config/user-file.ts';
import { type Finding, ok, problem, skipped, warning } from './finding.ts';

const MEND_FILE = "put it there, or mend it ('config check' looks again); 'config rollback' takes the last change back";

/** What the manager was told, as far as it is in files of this machine, and what MCP clients were told here. */
export async function checkConfiguration(io: CliIo): Promise<Finding[]> {
  const configurations = await io.configurations();
  const mistyped = configurations.mistypedVariables();
  const wrong = configurations.check().flatMap(({ path, problems }) =>
    problems.map((text) => {
      if (path === undefined && mistyped.includes(text))
        return warning('configuration', text, 'mend its name, or unset it');
      const remedy = path === undefined ? 'mend or unset the variable: docs/configuration.md lists all' : MEND_FILE;
      // Some say which file they mean.
      return problem('configuration', path === undefined || text.includes(path) ? text : `${path}: ${text}`, remedy);
    }),
  );
  const right = ok('configuration', 'what there is of it is right, in files and in the environment');
  return [...(wrong.length > 0 ? wrong : [right]), ...(await checkClients(io))];
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
