import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { CLIENTS } from '../../src/cli/mcp-config/client-config.ts';
import { FakeManager } from '../fakes/fake-manager.ts';
import { cliIo } from '../support/cli-io.ts';

let manager: FakeManager;
let folder: string;
beforeEach(async () => {
  manager = await FakeManager.start();
  folder = await mkdtemp(join(tmpdir(), 'cli-mcp-config-'));
});
afterEach(async () => {
  await manager[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function run(command: string, env: Record<string, string> = {}) {
  const { io, written } = cliIo({ cwd: folder, env: { ...manager.env, HOME: folder, ...env } });
  const code = await runCli(command.split(' '), io);
  return { code, ...written };
}
const file = () => join(folder, '.mcp.json');
const mcpJson = () => readFile(file(), 'utf8');

describe('mcp-config', () => {
  it('prints, with the running manager’s address and no secret', async () => {
    const { stdout } = await run('mcp-config', { MCP_SESSION_TOKEN: 'secret-token' });
    expect(JSON.parse(stdout).mcpServers.session.url).toBe(`${manager.url}/mcp`);
    expect(JSON.parse(stdout).mcpServers.session.headersHelper).toMatch(/^\/.*bin\/mcp-session-manager'? headers$/);
    expect(stdout).not.toContain('secret-token');
    expect(await readdir(folder)).toEqual([]);
    expect(JSON.parse((await run('mcp-config --json')).stdout)).toMatchObject({
      schema: 'mcp-session-manager/mcp-config/1',
      path: file(),
      section: 'mcpServers',
    });
  });

  it('writes a new file, in a new folder where there must be one', async () => {
    const { code, stderr } = await run('mcp-config --write --client vscode');
    expect(code).toBe(0);
    expect(stderr).toBe(".vscode/mcp.json written ('mcp-config --undo --client vscode' takes it back)\n");
    const written = JSON.parse(await readFile(join(folder, '.vscode/mcp.json'), 'utf8'));
    expect(written.servers.session.args[0]).toBe('connect');
  });

  it.each([
    ['claude', '.claude.json'],
    ['codex', '.codex/config.toml'],
    ['gemini', '.gemini/settings.json'],
    ['cursor', '.cursor/mcp.json'],
    [
      'vscode',
      process.platform === 'darwin' ? 'Library/Application Support/Code/User/mcp.json' : '.config/Code/User/mcp.json',
    ],
  ])('writes the file for all folders of %s', async (client, name) => {
    await mkdir(join(folder, 'project'));
    const { io } = cliIo({ cwd: join(folder, 'project'), env: { ...manager.env, HOME: folder } });
    expect(await runCli(['mcp-config', '--write', '--user', '--client', client], io)).toBe(0);
    expect(await readFile(join(folder, name), 'utf8')).toContain('session');
    expect(await readdir(join(folder, 'project'))).toEqual([]);
  });

  it('merges, keeps the mode and the link, and leaves nothing else behind', async () => {
    const real = join(folder, 'real.json');
    await writeFile(real, '{"mcpServers":{"mine":{"command":"x"}}}');
    await chmod(real, 0o640);
    await symlink(real, file());
    await run('mcp-config --write');
    expect(Object.keys(JSON.parse(await readFile(real, 'utf8')).mcpServers)).toEqual(['mine', 'session']);
    expect((await stat(real)).mode & 0o777).toBe(0o640);
    const once = await mcpJson();
    expect((await run('mcp-config --write')).stderr).toContain('right already');
    expect(await mcpJson()).toBe(once);
    expect((await readdir(folder)).sort()).toEqual(['.mcp.json', 'real.json']);
  });

  it('leaves a file alone that it cannot keep, and says what to do', async () => {
    const text = '{ "mcpServers": [ } // mine';
    await writeFile(file(), text);
    const { code, stderr } = await run('mcp-config --write');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^mcp-session-manager: \.mcp\.json was left as it is: .*'mcp-config --client claude' prints\n$/,
    );
    expect(await mcpJson()).toBe(text);
  });
});

it('leaves a file alone that is not UTF-8', async () => {
  const bytes = Buffer.from([0x7b, 0xff, 0x7d]);
  await writeFile(file(), bytes);
  expect(await run('mcp-config --write')).toMatchObject({ code: 1, stderr: expect.stringContaining('not UTF-8') });
  expect(await readFile(file())).toEqual(bytes);
});

describe('mcp-config --dry-run', () => {
  it('shows the difference as patch takes it, and writes nothing', async () => {
    const text = '{\n  // mine\n  "mcpServers": {\n    "mine": { "command": "x" }\n  }\n}\n';
    await writeFile(file(), text);
    const { code, stdout } = await run('mcp-config --dry-run');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^--- \.mcp\.json\n\+\+\+ \.mcp\.json\n@@ /);
    expect(stdout).toContain('\n   // mine\n');
    expect(stdout.match(/^-.*/gm)).toEqual(['--- .mcp.json', '-    "mine": { "command": "x" }']);
    expect(stdout).toContain('\n+    "mine": { "command": "x" },\n+    "session": {\n+      "type": "http",\n');
    expect(await mcpJson()).toBe(text);
    expect((await run('mcp-config --write')).code).toBe(0);
    expect(await mcpJson()).toContain('// mine');
    expect(await run('mcp-config --dry-run')).toEqual({ code: 0, stdout: '', stderr: '.mcp.json is right already\n' });
  });

  it('of a file that is not there is all of it', async () => {
    const { stdout } = await run('mcp-config --dry-run --client codex');
    expect(stdout).toMatch(/^--- \/dev\/null\n\+\+\+ \.codex\/config\.toml\n/);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('mcp-config --undo', () => {
  it.each(CLIENTS)('leaves nothing where nothing was (%s)', async (client) => {
    await run(`mcp-config --write --client ${client}`);
    expect(await readdir(folder)).not.toEqual([]);
    expect(await run(`mcp-config --undo --client ${client}`)).toMatchObject({ code: 0 });
    expect(await readdir(folder)).toEqual([]);
  });

  it('brings every byte back, one change after the other', async () => {
    const bytes = Buffer.from('\ufeff{\r\n\t"a": "ü",\r\n}\r\n');
    await writeFile(file(), bytes, { mode: 0o600 });
    await run('mcp-config --write');
    const first = await readFile(file());
    expect(first).not.toEqual(bytes);
    await run('mcp-config --write --server filesystem');
    expect((await run('mcp-config --undo')).stderr).toBe('.mcp.json restored\n');
    expect(await readFile(file())).toEqual(first);
    await run('mcp-config --undo');
    expect(await readFile(file())).toEqual(bytes);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(await run('mcp-config --undo')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('nothing to undo'),
    });
  });

  it('leaves what somebody else has changed since, and says where the earlier text is', async () => {
    await writeFile(file(), '{}\n');
    await run('mcp-config --write');
    await writeFile(file(), '{"mine": 1}\n');
    const { code, stderr } = await run('mcp-config --undo');
    expect(code).toBe(1);
    const kept = /in (\S+\.before)\n$/.exec(stderr)?.[1] ?? '';
    expect(await readFile(kept, 'utf8')).toBe('{}\n');
    expect((await stat(kept)).mode & 0o077).toBe(0);
    expect((await stat(dirname(kept))).mode & 0o077).toBe(0);
    expect(await mcpJson()).toBe('{"mine": 1}\n');
  });
});
