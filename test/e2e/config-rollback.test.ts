import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { Terminal } from '../support/terminal.ts';

let manager: TestManager;
beforeAll(async () => {
  manager = await TestManager.start({ env: { MCP_SESSION_MANAGER_IDLE_TLL: '1h' } });
});
afterAll(() => manager[Symbol.asyncDispose]());

const catalogue = () => join(manager.state, 'catalogue.json');
async function inTerminal<T>(work: (run: (line: string) => ReturnType<Terminal['run']>) => Promise<T>): Promise<T> {
  await using terminal = new Terminal({ kind: 'detached', cwd: manager.workspace, env: manager.shellEnv });
  return await work((line) => terminal.run(`mcp-session-manager ${line}`));
}
const versions = (stdout: string) => (JSON.parse(stdout) as { versions: { number: number }[] }).versions;

describe('a change that was a mistake', () => {
  it('keeps the manager from starting, which says where and how to go back; sessions survive all of it', async () => {
    const { session } = await manager.open();
    const [pid] = await manager.instances();
    const right = readFileSync(catalogue(), 'utf8');
    writeFileSync(catalogue(), right.replace('"mcpServers":', '"mcpServers"'));
    await manager.kill('SIGTERM');
    await expect(manager.start()).rejects.toThrow();
    expect(manager.log).toMatch(/The catalogue of servers cannot be read: .*: line 1, column 14: a colon is missing\n/);
    expect(manager.log).toMatch(/^ {2}To go back to it: +mcp-session-manager config rollback$/m);
    await inTerminal(async (run) => {
      expect(await run('config rollback')).toMatchObject({ code: 0, stderr: '' });
    });
    expect(readFileSync(catalogue(), 'utf8')).toBe(right);
    await manager.start();
    expect((await manager.view(session.id)).servers[0]?.state).toBe('ready');
    expect(await manager.instances()).toContain(pid);
  });

  it('of a variable’s name is told at the start', () => {
    expect(manager.log).toContain('did you mean MCP_SESSION_MANAGER_IDLE_TTL?');
  });
});

describe('accounts', () => {
  it('that were changed are read again and kept; nobody who is logged in is logged out by another’s account', async () => {
    await inTerminal(async (run) => {
      expect(await run(`login --password-file ${manager.state}/admin-password`)).toMatchObject({ code: 0 });
      const before = versions((await run('config history --json')).stdout).length;
      writeFileSync(join(manager.root, 'password'), 'correct horse battery\n');
      const added = await run(`users add ada --role operator --password-file ${manager.root}/password`);
      expect(added).toMatchObject({ code: 0 });
      expect((await run('whoami')).stdout).toBe(`admin (admin) at ${manager.url}\n`);
      expect((await run('users')).stdout).toBe('USER   ROLE\nadmin  admin\nada    operator\n');
      const [last, ...rest] = await eventually('the version is kept', async () => {
        const all = versions((await run('config history --json')).stdout);
        return all.length > before ? all : undefined;
      });
      expect(rest).toHaveLength(before);
      const shown = (await run(`config show ${last?.number}`)).stdout;
      expect(shown).toContain('"name": "ada"');
      expect(shown).not.toContain('$scrypt$');
    });
  });
});
