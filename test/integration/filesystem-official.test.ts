import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { PROGRAM, place } from './filesystem-setup.ts';

const OFFICIAL = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-filesystem/dist/index.js');
const ADDED = ['fs_watch_start', 'fs_watch_stop', 'fs_watch_list', 'fs_changes'];

/** A program's answers, as the lines that it wrote, to these requests, one after the other. */
async function answersOf(program: string, workspace: string, requests: readonly object[]): Promise<string[]> {
  const child = spawn(process.execPath, [program, workspace], { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = linesOf(child.stdout);
  const answers: string[] = [];
  for (const [id, request] of requests.entries()) {
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...request })}\n`);
    answers.push((await lines.next()).value as string);
  }
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin.end();
  expect(await ended).toBe(0);
  return answers;
}

/** Not readline, which takes more for the end of a line than a newline. */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    yield* lines;
  }
}

it('is the official server, byte for byte, with four tools and resources added', async () => {
  const { workspace } = await place();
  const clientInfo = { name: 'test', version: '1' };
  const path = join(workspace, 'ä "quoted"\u2028.txt');
  const call = (name: string, args: object) => ({ method: 'tools/call', params: { name, arguments: args } });
  const requests = [
    { method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } },
    { method: 'tools/list', params: {} },
    call('write_file', { path, content: 'x'.repeat(300_000) }),
    call('read_text_file', { path }),
    call('edit_file', { path, edits: [{ oldText: 'nothing', newText: '' }] }),
    call('list_directory', { path: workspace }),
    call('read_text_file', { path: '/etc/passwd' }),
    call('no_such_tool', {}),
    { method: 'ping' },
    { method: 'prompts/list' },
  ];
  const official = await answersOf(OFFICIAL, workspace, requests);
  const ours = await answersOf(PROGRAM, workspace, requests);
  expect(ours.slice(2)).toEqual(official.slice(2));

  const [greeting, list] = official.slice(0, 2).map((line) => JSON.parse(line).result);
  const [ourGreeting, ourList] = ours.slice(0, 2).map((line) => JSON.parse(line).result);
  expect(list.tools).toHaveLength(14);
  expect(JSON.stringify(ourList.tools.slice(0, 14))).toBe(JSON.stringify(list.tools));
  expect(ourList.tools.slice(14).map(({ name }: { name: string }) => name)).toEqual(ADDED);
  // Should it ever have resources of its own, ours would hide them.
  expect(greeting.capabilities.resources).toBeUndefined();
  expect(ourGreeting).toEqual({
    ...greeting,
    capabilities: { ...greeting.capabilities, resources: { subscribe: true } },
  });
});
