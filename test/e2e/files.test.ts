import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ListRootsRequestSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { textOf, transport } from '../support/mcp-clients.ts';
import { TOOL_CLIENTS, type ToolClient } from '../support/tool-clients.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

let manager: TestManager;
let token: string;
beforeAll(async () => {
  manager = await TestManager.start();
  copyCheckout(manager.workspace);
  symlinkSync(manager.state, join(manager.workspace, 'way-out'));
  ({ token } = await manager.open({ servers: ['filesystem'] }));
});
afterAll(() => manager[Symbol.asyncDispose]());

/** The files of the project's own checkout. Whose the checkout is makes no difference to git here. */
function copyCheckout(target: string): void {
  const list = execFileSync('git', ['-c', 'safe.directory=*', 'ls-files', '-z'], { cwd: CHECKOUT, encoding: 'utf8' });
  const files = list.split('\0').filter((file) => file !== '' && existsSync(join(CHECKOUT, file)));
  for (const file of files) cpSync(join(CHECKOUT, file), join(target, file));
}

const endpoints = [
  { path: '/mcp', name: (own: string) => `filesystem_${own}` },
  { path: '/mcp/filesystem', name: (own: string) => own },
];

describe.each(TOOL_CLIENTS)('$name', ({ name: clientName, open }) => {
  describe.each(endpoints)('at $path', ({ path, name }) => {
    let client: ToolClient;
    beforeAll(async () => {
      client = await open(`${manager.url}${path}`, token);
    });
    afterAll(() => client.close());

    const call = (tool: string, args: object) => client.call(name(tool), args);
    const inside = (file: string) => join(manager.workspace, file);

    it('lists, searches and reads', async () => {
      expect(await client.list()).toEqual(
        expect.arrayContaining(['list_directory', 'search_files', 'read_text_file', 'edit_file'].map(name)),
      );
      const { text: listed } = await call('list_directory', { path: manager.workspace });
      expect(listed.split('\n')).toEqual(expect.arrayContaining(['[FILE] package.json', '[DIR] src']));
      const { text: found } = await call('search_files', { path: manager.workspace, pattern: '**/json-rpc.ts' });
      expect(found).toBe(inside('src/core/json-rpc.ts'));
      const { text: read } = await call('read_text_file', { path: inside('biome.json') });
      expect(read).toBe(readFileSync(inside('biome.json'), 'utf8'));
    });

    it('edits', async () => {
      const file = inside('package.json');
      const before = readFileSync(file, 'utf8');
      const description: string = JSON.parse(before).description;
      const other = `${clientName} was at ${path}: ä €`;
      const edit = (oldText: string, newText: string) =>
        call('edit_file', { path: file, edits: [{ oldText, newText }] });
      expect(await edit(description, other)).toMatchObject({ isError: false });
      expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ description: other });
      expect(await edit(other, description)).toMatchObject({ isError: false });
      expect(readFileSync(file, 'utf8')).toBe(before);
    });

    it('watches', async () => {
      const { text: started } = await call('fs_watch_start', { path: inside('docs') });
      const { cursor, watch, mode } = JSON.parse(started);
      expect(mode).toBe('native');
      const file = inside('docs/watched.txt');
      writeFileSync(file, clientName);
      const { text: told } = await call('fs_changes', { cursor, wait_seconds: 10 });
      expect(JSON.parse(told)).toMatchObject({
        watch,
        overflow: false,
        changes: [{ path: file, type: 'file', kind: 'created' }],
      });
      rmSync(file);
      const { isError } = await call('fs_watch_start', { path: inside('way-out') });
      expect(isError).toBe(true);
    });

    it('is refused what is outside of the workspace', async () => {
      const ways = [join(manager.state, 'credential'), inside('../state/credential'), inside('way-out/credential')];
      for (const way of ways) {
        const { text, isError } = await call('read_text_file', { path: way });
        expect({ isError, text }).toEqual({ isError: true, text: expect.stringContaining('Access denied') });
        expect(text).not.toContain(manager.credential);
      }
    });
  });
});

describe.each([
  { path: '/mcp', uriOf: (uri: string) => `filesystem+${uri}` },
  { path: '/mcp/filesystem', uriOf: (uri: string) => uri },
])('a subscription at $path', ({ path, uriOf }) => {
  it('tells of changes in and below a directory', async () => {
    const client = new Client({ name: 'test', version: '1.0.0' });
    const updated: string[] = [];
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
    await client.connect(transport(`${manager.url}${path}`, token) as never);
    onTestFinished(() => client.close());
    expect(client.getServerCapabilities()?.resources?.subscribe).toBe(true);
    const uri = uriOf(pathToFileURL(manager.workspace).href);
    expect((await client.listResources()).resources).toEqual([expect.objectContaining({ uri })]);
    await client.subscribeResource({ uri });
    const file = join(manager.workspace, 'docs', `subscribed-${path.length}.txt`);
    writeFileSync(file, '');
    onTestFinished(() => rmSync(file));
    await eventually('a notification', async () => updated.includes(uri));
  });
});

describe.each(endpoints)("a client's roots at $path", ({ path, name }) => {
  it('do not widen the workspace, and are not even asked for', async () => {
    const client = new Client({ name: 'test', version: '1.0.0' }, { capabilities: { roots: { listChanged: true } } });
    let asked = 0;
    client.setRequestHandler(ListRootsRequestSchema, () => {
      asked += 1;
      return { roots: [{ uri: pathToFileURL(manager.root).href }] };
    });
    await client.connect(transport(`${manager.url}${path}`, token) as never);
    onTestFinished(() => client.close());
    await client.sendRootsListChanged();
    const { isError, content } = await client.callTool({
      name: name('read_text_file'),
      arguments: { path: join(manager.state, 'credential') },
    });
    expect({ isError, text: textOf({ content }) }).toEqual({
      isError: true,
      text: expect.stringContaining('Access denied'),
    });
    const allowed = textOf(await client.callTool({ name: name('list_allowed_directories') }));
    expect(allowed).toBe(`Allowed directories:\n${manager.workspace}`);
    expect(asked).toBe(0);
  });
});
