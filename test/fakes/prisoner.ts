/**
 * Runs inside an instance and tries what it must not be able to. Prints what came of it, as JSON.
 * `prisoner.ts PATH...`: Unix sockets that are none of its business
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';

const FORKS = 1000;
const code = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

function attempt(act: () => void): string {
  try {
    act();
    return 'done';
  } catch (error) {
    return code(error);
  }
}

async function reach(address: { path: string } | { host: string; port: number }): Promise<string> {
  const socket = connect(address);
  try {
    await once(socket, 'connect');
    return 'connected';
  } catch (error) {
    return code(error);
  } finally {
    socket.destroy();
  }
}

/** @returns how many came into being, and why no more did */
async function fork(): Promise<{ made: number; end: string }> {
  const children = [];
  try {
    for (let made = 0; made < FORKS; made++) {
      const child = spawn('sleep', ['60'], { stdio: 'ignore' });
      const failed = once(child, 'error').then(([error]) => code(error));
      if (child.pid === undefined) return { made, end: await failed };
      failed.catch(() => {});
      children.push(child);
    }
    return { made: FORKS, end: 'done' };
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

function run(path: string): Promise<string> {
  writeFileSync(path, '#!/bin/sh\nexit 0\n');
  chmodSync(path, 0o755);
  const child = spawn(path);
  return once(child, 'exit').then(() => 'ran', code);
}

const status = readFileSync('/proc/self/status', 'utf8');
const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];

const found = {
  uid: process.getuid?.(),
  gid: process.getgid?.(),
  groups: process.getgroups?.(),
  capabilities: [field('CapEff'), field('CapPrm'), field('CapBnd')],
  noNewPrivileges: field('NoNewPrivs'),
  seccomp: field('Seccomp'),
  interfaces: Object.keys(networkInterfaces()),
  writes: Object.fromEntries(
    ['/x', '/etc/x', '/usr/local/bin/x', '/run/host/x', '/run/host/calls', '/run/host/audit', '/run/x'].map((path) => [
      path,
      attempt(() => writeFileSync(path, 'x')),
    ]),
  ),
  raised: attempt(() => process.setuid?.(0)),
  program: await run('/tmp/program'),
  configuration: await run('/config/program'),
  internet: await reach({ host: '192.0.2.1', port: 80 }),
  engine: await reach({ host: '172.17.0.1', port: 22 }),
  sockets: await Promise.all(process.argv.slice(2).map((path) => reach({ path }))),
  own: readdirSync('/run/host'),
  forks: await fork(),
  environment: process.env,
};
process.stdout.write(JSON.stringify(found));
