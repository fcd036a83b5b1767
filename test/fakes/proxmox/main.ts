/**
 * A Proxmox VE cluster to try things on, until it is interrupted. `npm run proxmox-simulator`
 *
 *     main.ts [--port PORT] [--task-ms MS] [--name NAME]
 *
 * With a name it listens for other machines too, which know it by that name (compose.yaml, profile `demo`).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ProxmoxSimulator } from './simulator.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8006' },
    'task-ms': { type: 'string', default: '2000' },
    name: { type: 'string' },
  },
});
const secret = '00000000-0000-4000-8000-000000000000';
const simulator = await ProxmoxSimulator.start({
  port: Number(values.port),
  taskMs: Number(values['task-ms']),
  tokens: { 'root@pam!mcp': secret },
  users: { 'root@pam': 'simulator' },
  ...(values.name !== undefined && { name: values.name, address: '0.0.0.0' }),
});
const directory = await mkdtemp(join(tmpdir(), 'proxmox-simulator-'));
const ca = join(directory, 'pve-root-ca.pem');
await writeFile(ca, simulator.ca);
const host = values.name ?? '127.0.0.1';
process.stdout.write(
  [
    `A simulated Proxmox VE cluster listens on https://${host}:${simulator.port}. In another terminal:`,
    '',
    `    export PROXMOX_HOST=${host} PROXMOX_USER=root@pam`,
    `    export PROXMOX_TOKEN='mcp=${secret}'       # or PROXMOX_PASSWORD=simulator`,
    ...(values.name === undefined ? [`    export NODE_EXTRA_CA_CERTS=${ca}       # for verify_ssl: true`] : []),
    '',
  ].join('\n'),
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await simulator[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
}
