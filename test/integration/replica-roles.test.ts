import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'roles-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Runs a role that is not going to start. */
async function run(role: string, env: NodeJS.ProcessEnv, args: string[] = []) {
  const child = spawn(process.execPath, [MAIN, role, ...args], {
    env: { PATH: process.env.PATH, HOME: root, MCP_SESSION_MANAGER_STATE: join(root, 'state'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { stdout, stderr, code };
}

describe.each(['gateway', 'controller'])('role %s', (role) => {
  it('does not start without a store that others can share, and says what to do', async () => {
    const { stdout, stderr, code } = await run(role, {});
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
    expect(stderr).toContain(`The role ${role} shares its store with others: set MCP_SESSION_MANAGER_STORE`);
    expect(stderr).toContain('npm start');
  });

  it('says what is wrong with its arguments', async () => {
    const { stderr, code } = await run(role, {}, ['--prot', '1']);
    expect(code).toBe(1);
    expect(stderr).toContain(`${role} [--config FILE]: Unknown option '--prot'`);
  });

  it('does not repeat a secret that is not valid', async () => {
    const file = join(root, 'secret');
    writeFileSync(file, 'not-32-bytes');
    const env = { MCP_SESSION_MANAGER_STORE: 'redis://:hidden@127.0.0.1:1', MCP_SESSION_MANAGER_KEY_FILE: file };
    const { stderr, code } = await run(role, env);
    expect(code).toBe(1);
    expect(stderr).toContain(`${file} must hold 32 bytes`);
    expect(stderr).not.toMatch(/hidden|not-32-bytes/);
  });
});
