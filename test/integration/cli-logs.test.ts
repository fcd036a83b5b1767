import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import type { LogLine } from '../../src/core/api.ts';
import { FakeManager } from '../fakes/fake-manager.ts';
import { cliIo } from '../support/cli-io.ts';
import { eventually } from '../support/eventually.ts';

const START = Date.UTC(2026, 10, 21, 12);
const line = (n: number, text: string, more: Partial<LogLine> = {}): LogLine => ({
  time: START + n,
  server: 'filesystem',
  stream: 'stderr',
  text,
  ...more,
});

let manager: FakeManager;
let id: string;
beforeEach(async () => {
  manager = await FakeManager.start();
  await run('init --shell bash');
  [id = ''] = manager.sessions.keys();
});
afterEach(() => manager[Symbol.asyncDispose]());

async function run(command: string, words: string[] = []) {
  const { io, written } = cliIo({ env: manager.env });
  const code = await runCli([...command.split(' '), ...words], io);
  return { code, ...written };
}
const path = () => `/api/sessions/${id}/logs`;
const answer = (lines: readonly LogLine[]) => lines.map((one) => `${JSON.stringify(one)}\n`).join('');
const asked = () => manager.requests('GET', path()).map((seen) => new URLSearchParams(seen.path.split('?')[1]));

describe('logs', () => {
  it('shows time, server and text, without control characters', async () => {
    const lines = [line(0, 'one\x1b[2J'), line(5, 'started', { stream: 'host', level: 'info' })];
    manager.handlers.set(`GET ${path()}`, (_, response) => void response.end(answer(lines)));
    expect(await run('logs')).toEqual({
      code: 0,
      stdout: '2026-11-21T12:00:00.000Z filesystem one?[2J\n' + '2026-11-21T12:00:00.005Z filesystem info started\n',
      stderr: '',
    });
    const { stdout } = await run('logs --json');
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text)),
    ).toEqual(lines.map((one) => ({ schema: 'mcp-session-manager/log/1', ...one })));
  });

  it('asks for what was asked for', async () => {
    manager.handlers.set(`GET ${path()}`, (_, response) => void response.end());
    await run('logs proxmox --tail 20 --since 2026-11-21T12:00:00Z');
    expect(Object.fromEntries(asked()[0] ?? [])).toEqual({ server: 'proxmox', tail: '20', since: String(START) });
    const before = Date.now();
    await run(`logs --since 10m --session ${id}`);
    expect(Number(asked()[1]?.get('since'))).toBeGreaterThanOrEqual(before - 600_000);
    expect(Number(asked()[1]?.get('since'))).toBeLessThanOrEqual(Date.now() - 600_000);
  });

  it('-f goes on where it was when the answer broke off, and says each line once', async () => {
    const [one, two, three] = [line(0, 'one'), line(1, 'two'), line(1, 'three')];
    const answers = [
      [one, two],
      [two, three],
    ];
    manager.handlers.set(`GET ${path()}`, (_, response) => {
      const next = answers.shift();
      if (!next)
        response.writeHead(404).end(JSON.stringify({ error: { code: 'session.over', message: 'it is over' } }));
      else if (answers.length === 1) response.write(answer(next), () => response.destroy());
      else response.end(answer(next));
    });
    const { code, stdout, stderr } = await run('logs -f --tail 1');
    expect(stdout.match(/\w+$/gm)).toEqual(['one', 'two', 'three']);
    expect({ code, stderr: stderr.split('\n') }).toEqual({
      code: 5,
      stderr: [expect.stringMatching(/trying again$/), 'mcp-session-manager: it is over', ''],
    });
    expect(asked().map((query) => Object.fromEntries(query))).toEqual([
      { follow: 'true', tail: '1' },
      { follow: 'true', since: String(START + 1) },
      { follow: 'true', since: String(START + 1) },
    ]);
  });

  it('-f ends when nobody reads any more', async () => {
    manager.handlers.set(`GET ${path()}`, (_, response) => void response.write(answer([line(0, 'one')])));
    const { io } = cliIo({ env: manager.env });
    const stdout = new PassThrough();
    const done = runCli(['logs', '-f'], { ...io, stdout });
    await eventually('the first line', async () => stdout.read());
    stdout.destroy(Object.assign(new Error('gone'), { code: 'EPIPE' }));
    expect(await done).toBe(0);
  });
});

describe('log', () => {
  it('writes an entry', async () => {
    manager.handlers.set(`POST /api/sessions/${id}/log`, (_, response) => void response.writeHead(204).end());
    expect(await run('log warn filesystem', ['two words'])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(manager.requests('POST', `/api/sessions/${id}/log`)[0]?.body).toEqual({
      level: 'warn',
      server: 'filesystem',
      text: 'two words',
    });
  });

  it('takes a text that looks like an option', async () => {
    manager.handlers.set(`POST /api/sessions/${id}/log`, (_, response) => void response.writeHead(204).end());
    await run('log error filesystem --', ['--all is lost']);
    expect(manager.requests('POST', `/api/sessions/${id}/log`)[0]?.body.text).toBe('--all is lost');
  });

  it('sets the level for a while', async () => {
    manager.handlers.set(`PUT /api/sessions/${id}/log-level`, (_, response) => void response.writeHead(204).end());
    expect(await run('log-level debug --for 90s')).toMatchObject({ code: 0, stdout: `session ${id}: debug for 90s\n` });
    expect(manager.requests('PUT', '/api')[0]?.body).toEqual({ level: 'debug', for_seconds: 90 });
    expect(await run('log-level debug --for ever')).toMatchObject({ code: 2, stdout: '' });
  });
});
