/**
 * Fills a directory with the code that V8 compiles when the program is used, so that a container starts with it:
 * a manager, a session with the servers that come with the program, and the first requests of an MCP client.
 *
 *     node docker/compile.ts DIRECTORY
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const SERVER = fileURLToPath(new URL('../dist/servers/filesystem.js', import.meta.url));
const DEADLINE_MS = 60_000;

const [target = 'compile-cache'] = process.argv.slice(2);
const root = mkdtempSync(join(tmpdir(), 'compile-'));
const state = join(root, 'state');
/** Where a manager keeps it. */
const compiled = join(state, 'compile-cache');
const env = {
  PATH: process.env.PATH,
  HOME: root,
  MCP_SESSION_MANAGER_STATE: state,
  MCP_SESSION_MANAGER_RUNTIME_ROOT: join(root, 'run'),
  MCP_SESSION_MANAGER_PORT: '0',
};

async function until<T>(what: string, ask: () => T): Promise<T> {
  for (const end = Date.now() + DEADLINE_MS; ; await delay(50)) {
    try {
      return ask();
    } catch (cause) {
      if (Date.now() > end) throw new Error(`${what}: not within ${DEADLINE_MS} ms`, { cause });
    }
  }
}

async function post(url: string, token: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/** What a client says first. */
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'compile', version: '1' } },
};
const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' };
const LIST_TOOLS = { jsonrpc: '2.0', id: 2, method: 'tools/list' };

async function converse(url: string, token: string): Promise<void> {
  const hello = await post(url, token, INITIALIZE);
  await hello.text();
  const connection = { 'mcp-session-id': hello.headers.get('mcp-session-id') ?? '' };
  await post(url, token, INITIALIZED, connection);
  const list = await post(url, token, LIST_TOOLS, connection);
  if (!(await list.text()).includes('"tools"')) throw new Error(`${url} has no tools`);
}

/** A server by itself, since one that ends with its session is killed before Node can write anything down. */
async function useServer(): Promise<void> {
  const child = spawn(process.execPath, [SERVER, root], {
    env: { ...env, NODE_COMPILE_CACHE: compiled },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: DEADLINE_MS,
  });
  for (const message of [INITIALIZE, INITIALIZED, LIST_TOOLS]) child.stdin.write(`${JSON.stringify(message)}\n`);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.includes('"tools":[')) child.stdin.end();
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${SERVER} ended with ${code}, having said ${said}`);
}

async function useManager(): Promise<void> {
  const { url } = await until(
    'the manager',
    () => JSON.parse(readFileSync(join(state, 'manager.json'), 'utf8')) as { url: string },
  );
  const credential = readFileSync(join(state, 'credential'), 'utf8').trim();
  const open = { terminal: { name: 'compile', host: 'nowhere' }, workspace: root, servers: ['filesystem'] };
  const opened = (await (await post(`${url}/api/sessions`, credential, open)).json()) as {
    token: string;
    session: { id: string };
  };
  await converse(`${url}/mcp/filesystem`, opened.token);
  // Node writes down what was compiled when it ends in order, as a host does with its session.
  const authorization = `Bearer ${credential}`;
  const signal = AbortSignal.timeout(DEADLINE_MS);
  await fetch(`${url}/api/sessions/${opened.session.id}`, { method: 'DELETE', headers: { authorization }, signal });
  await until('the end of the session', () => {
    if (readdirSync(join(root, 'run', 'pids')).length > 0) throw new Error('its servers still run');
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit', { signal: AbortSignal.timeout(DEADLINE_MS) });
}

const manager = spawn(process.execPath, [MAIN, 'serve'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
try {
  await useManager();
  await end(manager);
  await useServer();
  cpSync(compiled, resolve(target), { recursive: true });
} finally {
  await end(manager);
  rmSync(root, { recursive: true, force: true });
}
// Whoever a container runs as reads it.
for (const entry of readdirSync(resolve(target), { recursive: true, withFileTypes: true }))
  chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
