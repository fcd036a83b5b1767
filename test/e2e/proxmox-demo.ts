/**
 * The demonstration of docs/proxmox.md: a terminal, the official SDK's client (v2) in the newest revision, a manager, and a
 * simulated Proxmox. `node scripts/build.ts && node test/e2e/proxmox-demo.ts` prints it.
 */
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import { ProxmoxSimulator } from '../fakes/proxmox/simulator.ts';
import { TestManager } from '../support/manager.ts';
import { textOf } from '../support/mcp-clients.ts';
import { Terminal } from '../support/terminal.ts';

const SECRET = '00000000-0000-4000-8000-000000000000';
const INIT = 'eval "$(mcp-session-manager init --servers proxmox)"';
const PLAN_TOKEN = 'plan_token "([^"]+)"';

/** Tools and their arguments; what answers with a plan is applied. */
const CALLS: readonly (readonly [string, object])[] = [
  ['pve_cluster_overview', {}],
  ['pve_create_snapshot', { vmids: [104], name: 'before-upgrade' }],
  ['pve_rollback_snapshot', { vmid: 104, name: 'before-upgrade' }],
  ['pve_cleanup_snapshots', { older_than_days: 30, name_glob: 'auto-*' }],
  ['pve_cleanup_snapshots', { older_than_days: 30, name_glob: 'auto-*', dry_run: false }],
  ['pve_audit_log', {}],
];

/** What a user sees: `$` is typed, `>` is called by the model, `?` is asked of the person. */
export async function demonstrate(): Promise<string> {
  await using pve = await ProxmoxSimulator.start({ tokens: { 'root@pam!mcp': SECRET } });
  await using manager = await startManager(pve);
  const env = { PROXMOX_HOST: '127.0.0.1', PROXMOX_USER: 'root@pam', PROXMOX_TOKEN: `mcp=${SECRET}` };
  await using terminal = new Terminal({
    kind: 'detached',
    cwd: manager.workspace,
    env: { ...manager.shellEnv, ...env },
  });
  const { stderr } = await terminal.run(INIT);
  const lines = [`$ ${INIT}`, stderr.trimEnd().replaceAll(manager.workspace, '/home/ann/shop')];
  const { stdout } = await terminal.run('echo "$MCP_SESSION_URL" "$MCP_SESSION_TOKEN"');
  const [url, token] = stdout.trim().split(' ');
  const client = await connect(`${url}/proxmox`, token ?? '', (message) => {
    lines.push('', ...message.split('\n').map((line) => `? ${line}`), '? [x] Do it');
  });
  try {
    for (const [tool, args] of CALLS) lines.push(...(await transcribe(client, tool, args, lines)));
  } finally {
    await client.close();
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

/** The answer is behind what was asked meanwhile. */
async function transcribe(client: Client, tool: string, args: object, lines: string[]): Promise<string[]> {
  lines.push('', `> ${tool} ${JSON.stringify(args)}`);
  const text = textOf(await client.callTool({ name: tool, arguments: { ...args } }));
  const [, plan_token] = new RegExp(PLAN_TOKEN).exec(text) ?? [];
  if (plan_token === undefined) return [text];
  lines.push(text);
  return await transcribe(client, tool, { ...args, plan_token }, lines);
}

async function connect(url: string, token: string, onQuestion: (message: string) => void): Promise<Client> {
  const client = new Client(
    { name: 'demo', version: '1.0.0' },
    { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode: 'auto' } },
  );
  client.setRequestHandler('elicitation/create', ({ params }) => {
    onQuestion(params.message);
    return { action: 'accept', content: { confirm: true } };
  });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  return client;
}

function startManager(pve: ProxmoxSimulator): Promise<TestManager> {
  const server = { ...template.servers['proxmox-primary'], port: pve.port };
  return TestManager.start({
    servers: {
      proxmox: {
        module: '${dist}/servers/proxmox.js',
        variables: ['PROXMOX_HOST', 'PROXMOX_USER', 'PROXMOX_TOKEN'],
        files: { 'proxmox-config.json': 'proxmox-config.json' },
      },
    },
    files: { 'proxmox-config.json': JSON.stringify({ ...template, servers: { 'proxmox-primary': server } }) },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(await demonstrate());
