import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CatalogueView, OpenedSession, SessionList } from '../../src/core/api.ts';
import { httpServer } from '../../src/roles/listen.ts';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { type Answer, callTool, eventsOf, messagesOf, RawMcp, rpc } from '../support/raw-mcp.ts';
import { Terminal } from '../support/terminal.ts';

const COUNTING = fileURLToPath(new URL('../fakes/servers/counting-server.ts', import.meta.url));
const SECRET = `s3cret'"\`$(id)\n\${env:PATH}\${workspace}\${configDir}\${node}`;
const CONTROL = /[^\P{Cc}\n\t]/u;

let manager: TestManager;
/** The one who is attacked, and the one who attacks with a session of his own. */
let victim: OpenedSession;
let thief: OpenedSession;
let mine: RawMcp;
let his: RawMcp;
/** Whatever must not be seen anywhere. */
const secrets = new Set<string>();

beforeAll(async () => {
  const secretive = { command: 'node', args: [COUNTING], env: { ATTACK_SECRET: '${env:ATTACK_SECRET}' } };
  const words = 'process.stderr.write("\\x1b]0;owned\\x07\\x1b[2J\\u009b31m"); process.exit(1)';
  manager = await TestManager.start({
    servers: { secretive, evil: { command: 'node', args: ['-e', words] } },
    env: { MCP_SESSION_MANAGER_LOG_LEVEL: 'debug', MCP_SESSION_MANAGER_BODY_LIMIT: '64KiB' },
  });
  victim = await manager.open({ servers: ['counting', 'secretive'], variables: { ATTACK_SECRET: SECRET } });
  thief = await manager.open();
  for (const secret of [victim.token, thief.token, manager.credential, 's3cret']) secrets.add(secret);
});
afterAll(() => manager[Symbol.asyncDispose]());
beforeEach(async () => {
  mine = new RawMcp(`${manager.url}/mcp/counting`, victim.token);
  his = new RawMcp(mine.url, thief.token);
  for (const client of [mine, his]) {
    await client.initialize();
    secrets.add(client.id as string);
  }
});

interface Seen {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** One request as it is written here: `fetch` would mend path and headers. The body may be one that does not come. */
function raw(method: string, path: string, headers: Record<string, string> = {}, body?: string | null): Promise<Seen> {
  const { hostname, port } = new URL(manager.url);
  return new Promise((resolve, reject) => {
    const req = request({ hostname, port, method, path, headers, agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      res.on('end', () => {
        resolve({ status: res.statusCode ?? 0, headers: res.headers, text });
        req.destroy();
      });
    });
    req.on('error', reject);
    if (body === null) req.flushHeaders();
    else req.end(body);
  });
}
const bearing = (token: string, more: Record<string, string> = {}) => ({ authorization: `Bearer ${token}`, ...more });
const owner = (more = {}) => bearing(manager.credential, more);
const sessions = async () => (await manager.api<SessionList>('GET', '/api/sessions')).sessions.map(({ id }) => id);
const textIn = ({ json }: Answer) =>
  (json as { result?: { content?: { text: string }[] } }).result?.content?.[0]?.text as string;

describe('whoever is no client of this machine', () => {
  const PATHS = ['/mcp', '/mcp/counting', '/api/sessions', '/api/catalogue'];
  const statusOf = async (path: string, headers: Record<string, string>) =>
    (await raw('GET', path, owner({ accept: 'text/event-stream', ...headers }))).status;

  it('[attack.1] is refused for a foreign Host, however it is spelled', async () => {
    for (const path of PATHS) {
      for (const host of [
        'evil.example',
        'localhost.evil.example',
        'localhost:1@evil.example',
        'evil.example#localhost',
        'evil.example/localhost',
        '127.0.0.1.nip.io',
        '127.0.0.1, evil.example',
        'localhost.',
        '127.0.0.2',
        '0',
        '0.0.0.0',
        '[::]',
        '[::2]',
        '[::ffff:127.0.0.1]',
        '[fe80::1]',
      ])
        expect(await statusOf(path, { host }), `${path} ${host}`).toBe(403);
      // Spellings of the loopback address itself: no name that a resolver could be made to lie about.
      for (const host of ['LOCALHOST:1', '127.1', '0x7f.1', '2130706433', '[::1]:9', '[0:0:0:0:0:0:0:1]'])
        expect(await statusOf(path, { host }), `${path} ${host}`).not.toBe(403);
    }
  });

  it('[attack.1] [attack.22] is refused for a foreign Origin, and told of none that is allowed', async () => {
    for (const path of PATHS) {
      for (const origin of [
        'http://evil.example',
        'null',
        'file://',
        'chrome-extension://abcdefgh',
        'http://localhost.',
        'http://127.0.0.1.evil.example',
        'http://localhost@evil.example',
        'http://localhost, http://evil.example',
        'http://[::ffff:127.0.0.1]',
        'http://127.0.0.2',
        'x',
      ])
        expect(await statusOf(path, { origin }), `${path} ${origin}`).toBe(403);
      for (const origin of ['http://localhost:3000', 'http://[::1]'])
        expect(await statusOf(path, { origin }), `${path} ${origin}`).not.toBe(403);
      const preflight = { origin: 'http://localhost:3000', 'access-control-request-method': 'POST' };
      const { headers } = await raw('OPTIONS', path, preflight);
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    const form = { 'content-type': 'text/plain', origin: 'http://localhost:1' };
    expect((await raw('POST', '/api/sessions', form, '{}')).status).toBe(401);
    expect((await raw('POST', '/api/sessions', owner(form), '{}')).status).toBe(415);
  });

  it('[attack.11] [attack.13] [attack.18] is nobody without a token, whatever else he brings, and makes nothing', async () => {
    const before = await sessions();
    const { credential } = manager;
    const { id } = victim.session;
    for (const path of ['/mcp/counting', '/api/sessions', `/api/sessions/${id}`, `/api/sessions/${id}/stop`])
      for (const headers of [
        { host: 'localhost' },
        { host: '127.0.0.1' },
        { host: '[::1]' },
        { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1', 'x-real-ip': '127.0.0.1' },
        { 'x-forwarded-user': 'owner', 'x-owner': 'owner', 'x-session-id': id, 'mcp-session-id': mine.id as string },
        { cookie: `token=${credential}; authorization=Bearer ${credential}` },
        { 'proxy-authorization': `Bearer ${credential}`, 'x-authorization': `Bearer ${credential}` },
        { authorization: `Basic ${btoa(`owner:${credential}`)}` },
        { authorization: `Bearer ${victim.token.slice(0, -3)}` },
      ]) {
        const whole = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers };
        const body = JSON.stringify(rpc(1, 'initialize', { protocolVersion: mine.version, capabilities: {} }));
        const answer = await raw('POST', `${path}?token=${credential}&access_token=${credential}`, whole, body);
        expect(answer.status, `${path} ${JSON.stringify(Object.keys(headers))}`).toBe(401);
        expect(answer.headers['mcp-session-id']).toBeUndefined();
      }
    expect(await sessions()).toEqual(before);
  });

  it('[attack.18] [attack.19] is answered before his body is there', async () => {
    const headers = { 'content-type': 'application/json', accept: '*/*', 'content-length': '60000' };
    for (const path of ['/mcp/counting', '/api/sessions'])
      expect((await raw('POST', path, bearing('x.y.z', headers), null)).status, path).toBe(401);
  });
});

describe('bodies', () => {
  it('[attack.19] that are huge are refused, with a length and without', async () => {
    const type = { 'content-type': 'application/json', accept: '*/*' };
    const chunked = { ...type, 'transfer-encoding': 'chunked' };
    for (const [path, token, size] of [
      ['/mcp/counting', victim.token, 70_000],
      ['/api/sessions', manager.credential, 1_100_000],
    ] as const)
      for (const headers of [type, chunked])
        expect((await raw('POST', path, bearing(token, headers), 'x'.repeat(size))).status, path).toBe(413);
    expect((await mine.post(rpc(1, 'ping'))).status).toBe(200);
  });

  it('[attack.19] that are slow have a limit', () => {
    const { requestTimeout, headersTimeout } = httpServer(() => {});
    for (const limit of [requestTimeout, headersTimeout]) {
      expect(limit).toBeGreaterThan(0);
      expect(limit).toBeLessThanOrEqual(120_000);
    }
  });
});

describe("another's session", () => {
  it('[attack.3] keeps its messages, whoever asks for a stream with its id', async () => {
    const stream = await mine.send('GET', undefined);
    for (const id of ['*', '*counting:0', 'counting.x.0.MQ']) {
      const steal = await his.send('GET', undefined, { 'mcp-session-id': mine.id, 'last-event-id': id });
      expect(steal.status).toBe(404);
    }
    await mine.post(callTool(1, 'grow'));
    for await (const { data } of eventsOf(stream)) if (data?.includes('tools/list_changed')) break;
  });

  it('[attack.5] [attack.21] answers its own client alone, though ids and keys are the same', async () => {
    const call = (client: RawMcp, text: string, i: number) =>
      client.post(callTool(i, 'echo', { text }), { 'idempotency-key': `key-${i}` });
    const both = Array.from({ length: 10 }, (_, i) => [call(mine, `mine ${i}`, i), call(his, `his ${i}`, i)]);
    const texts = (await Promise.all(both.flat())).map(textIn);
    expect(texts).toEqual(Array.from({ length: 10 }, (_, i) => [`mine ${i}`, `his ${i}`]).flat());
  });

  it('[attack.21] has no event for him who knows the event’s id', async () => {
    const params = { name: 'notify', arguments: { n: 2 }, _meta: { progressToken: 1 } };
    const { events } = await mine.post(rpc(7, 'tools/call', params));
    expect(messagesOf(events).at(-1)).toMatchObject({ id: 7, result: {} });
    for (const { id } of events.filter((event) => event.id !== undefined)) {
      const stolen: unknown[] = [];
      const response = await his.send('GET', undefined, { 'last-event-id': id });
      for await (const { data } of eventsOf(response)) if (data) stolen.push(JSON.parse(data));
      expect(stolen).toMatchObject([{ error: { message: expect.stringContaining('no longer kept') } }]);
    }
  });

  it('[attack.6] is not the one that is meant where an id is missing', async () => {
    for (const method of ['POST', 'GET', 'DELETE'])
      for (const id of [undefined, ''])
        expect(
          (await mine.send(method, method === 'POST' ? rpc(1, 'ping') : undefined, { 'mcp-session-id': id })).status,
        ).toBeGreaterThanOrEqual(400);
    for (const [method, path] of [
      ['GET', '/api/sessions/'],
      ['DELETE', '/api/sessions/'],
      ['POST', '/api/sessions//stop'],
      ['POST', '/api/sessions/stop'],
    ] as const)
      expect((await raw(method, path, bearing(victim.token))).status, path).toBeGreaterThanOrEqual(400);
    expect((await mine.post(rpc(1, 'ping'))).status).toBe(200);
  });

  it('[attack.8] is served on with a newer token of its terminal', async () => {
    const { terminal } = victim.session;
    const renewed = await eventually('another token', async () => {
      const { token } = await manager.open({ terminal, attach: true });
      return token === victim.token ? undefined : token;
    });
    secrets.add(renewed);
    const again = new RawMcp(mine.url, renewed);
    again.id = mine.id;
    expect((await again.post(rpc(1, 'tools/list'))).status).toBe(200);
    expect((await mine.post(rpc(1, 'tools/list'))).status).toBe(200);
  });

  it('[attack.9] is over for whoever knew it, though its terminal has another one by the same id', async () => {
    const terminal = { name: 'reused', host: 'elsewhere' };
    const old = await manager.open({ terminal });
    const client = new RawMcp(mine.url, old.token);
    await client.initialize();
    await manager.api('DELETE', `/api/sessions/${old.session.id}`);
    const next = await manager.open({ terminal });
    expect(next.session.id).toBe(old.session.id);
    expect((await client.post(rpc(1, 'ping'))).status).toBe(404);
    for (const [method, rest] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/stop'],
      ['POST', '/servers/counting/stop'],
    ] as const)
      expect((await raw(method, `/api/sessions/${old.session.id}${rest}`, bearing(old.token))).status).toBe(404);
    const late = new RawMcp(mine.url, next.token);
    late.id = client.id;
    expect((await late.post(rpc(1, 'ping'))).status).toBe(404);
    expect((await manager.view(next.session.id)).servers[0]?.state).toBe('ready');
    await manager.api('DELETE', `/api/sessions/${next.session.id}`);
  });
});

describe('what is malformed', () => {
  it('[attack.10] [attack.17] as an id or a name leads nowhere, for the owner neither', async () => {
    const before = await sessions();
    const { id } = victim.session;
    for (const bad of [
      'undefined',
      'null',
      '*',
      '..',
      '%2e%2e',
      '..%2f..%2fhealth',
      '%00',
      '%0d%0aX-Evil:%201',
      '%zz',
      '__proto__',
      'constructor',
      '0',
      '[]',
      `${id}x`,
      `${id}%0a`,
      `${id}%20`,
      id.toUpperCase(),
      'a'.repeat(4000),
    ]) {
      const call = async (method: string, path: string, token = manager.credential) => {
        const headers = bearing(token, { accept: '*/*', 'content-type': 'application/json' });
        const body = JSON.stringify(rpc(0, 'initialize', { protocolVersion: mine.version, capabilities: {} }));
        const answer = await raw(method, path, headers, method === 'POST' ? body : undefined);
        expect([400, 404], `${method} ${path}: ${answer.text}`).toContain(answer.status);
        expect(answer.headers['x-evil']).toBeUndefined();
        expect(answer.text).not.toMatch(/node_modules|\.js:\d|[\r]/);
      };
      await call('GET', `/api/sessions/${bad}`);
      await call('DELETE', `/api/sessions/${bad}`);
      await call('POST', `/api/sessions/${bad}/stop`);
      await call('POST', `/api/sessions/${id}/servers/${bad}/start`);
      await call('POST', `/api/sessions/${id}/servers/counting/${bad}`);
      await call('POST', `/mcp/${bad}`, victim.token);
    }
    expect(await sessions()).toEqual(before);
    expect((await mine.post(rpc(1, 'ping'))).status).toBe(200);
  });

  it('[attack.10] [attack.17] as a connection, an event or a key is taken for no other', async () => {
    for (const id of ['undefined', '*', `${mine.id}, ${his.id}`, `${mine.id}x`, `${mine.id} x`, '__proto__'])
      expect((await mine.send('POST', rpc(1, 'ping'), { 'mcp-session-id': id })).status, id).toBe(404);
    const evil = Buffer.from(JSON.stringify('1\r\n\r\nid: evil\r\ndata: evil')).toString('base64url');
    const response = await mine.send('GET', undefined, { 'last-event-id': `counting.x.0.${evil}` });
    for await (const event of eventsOf(response)) expect(event.id ?? '').not.toContain('evil');
    for (const key of ['../../x', 'a.b.c', '\u00e9\u00ff', 'a\'"{}', 'k'.repeat(5000)]) {
      const answer = await mine.post(callTool(1, 'echo', { text: 'x' }), { 'idempotency-key': key });
      expect(textIn(answer), key).toBe('x');
    }
  });
});

describe('a server', () => {
  it('[attack.12] is what the catalogue says, whatever the API is asked for', async () => {
    const before = await sessions();
    const terminal = { name: 'chooser', host: 'elsewhere' };
    const body = { terminal, workspace: manager.workspace };
    for (const [more, status] of [
      [{ command: 'sh' }, 400],
      [{ args: ['-c', 'id'] }, 400],
      [{ env: { PATH: '/evil' } }, 400],
      [{ image: 'evil', mounts: [], user: 'root', owner: 'root', id: 'x-aaaaaaaaaaaaaaaa' }, 400],
      [{ servers: [{ command: 'sh' }] }, 400],
      [{ servers: ['../counting'] }, 404],
      [{ servers: ['__proto__'] }, 404],
      [{ variables: { NODE_OPTIONS: '--require /evil' } }, 400],
      [{ variables: { LD_PRELOAD: '/evil.so', PATH: '/evil' } }, 400],
      [{ variables: { ATTACK_SECRET: 's3cret\0x' } }, 400],
      [{ variables: { ATTACK_SECRET: ['s3cret'] } }, 400],
      [{ terminal: { ...terminal, command: 'sh' } }, 400],
      [{ terminal: { ...terminal, name: 'a\r\nX-Evil: 1' } }, 400],
    ] as const) {
      const headers = owner({ 'content-type': 'application/json' });
      const answer = await raw('POST', '/api/sessions', headers, JSON.stringify({ ...body, ...more }));
      expect(answer.status, JSON.stringify(more)).toBe(status);
      expect(answer.text).not.toContain('s3cret');
    }
    const polluting = JSON.stringify(body).replace('{', '{"__proto__":{"keep":true,"command":"sh"},');
    await raw('POST', '/api/sessions', owner({ 'content-type': 'application/json' }), polluting);
    const added = (await sessions()).filter((id) => !before.includes(id));
    for (const id of added) expect((await manager.view(id)).keep).toBe(false);
    for (const id of added) await manager.api('DELETE', `/api/sessions/${id}`);
  });

  it('[attack.12] [attack.20] gets a variable as it is, and neither token nor credential', async () => {
    const client = new RawMcp(`${manager.url}/mcp/secretive`, victim.token);
    await client.initialize();
    secrets.add(client.id as string);
    const variable = async (name: string) =>
      JSON.parse(textIn(await client.post(callTool(1, 'whoami', { name })))).value;
    expect(await variable('ATTACK_SECRET')).toBe(SECRET);
    for (const name of ['MCP_SESSION_TOKEN', 'MCP_SESSION_MANAGER_STATE', 'AUTHORIZATION', 'HTTP_AUTHORIZATION'])
      expect(await variable(name), name).toBeUndefined();
  });

  it('[attack.22] cannot make a terminal obey what it writes', async () => {
    const setup = { cwd: manager.workspace, env: manager.shellEnv };
    await using terminal = new Terminal({ kind: 'detached', ...setup });
    const init = await terminal.run('eval "$(mcp-session-manager init --shell bash --servers evil)"');
    expect(init).toMatchObject({ code: 0 });
    const token = (await terminal.run('echo "$MCP_SESSION_TOKEN"')).stdout.trim();
    secrets.add(token);
    const client = new RawMcp(`${manager.url}/mcp/evil`, token);
    await client.initialize();
    const said = await eventually('status shows what it wrote', async () => {
      const status = await terminal.run('mcp-session-manager status');
      return status.stdout.includes(']0;owned') ? status : undefined;
    });
    const json = await terminal.run('mcp-session-manager status --json');
    expect(JSON.stringify(JSON.parse(json.stdout))).toContain('\u009b');
    const others = await Promise.all([terminal.run('mcp-session-manager restart evil')]);
    for (const { stdout, stderr } of [init, said, json, ...others]) expect(stdout + stderr).not.toMatch(CONTROL);
    await terminal.run('mcp-session-manager end');
  });
});

describe('a workspace', () => {
  it('[attack.23] configures nothing, though the manager was started in it', async () => {
    await using other = await TestManager.start();
    const planted = JSON.stringify({ mcpServers: { planted: { command: 'touch', args: ['owned'] } } });
    mkdirSync(join(other.workspace, 'config'));
    for (const name of ['.mcp.json', 'catalogue.json', 'config/catalogue.json', 'manager.json', 'package.json'])
      writeFileSync(join(other.workspace, name), planted);
    for (const name of ['.env', '.npmrc'])
      writeFileSync(join(other.workspace, name), 'MCP_SESSION_MANAGER_CATALOGUE=catalogue.json\n');
    await other.kill('SIGTERM');
    await other.start();
    const { servers } = await other.api<CatalogueView>('GET', '/api/catalogue');
    expect(servers.map(({ name }) => name)).toEqual(['filesystem', 'counting']);
    await other.open();
    expect(readdirSync(other.workspace)).not.toContain('owned');
  });

  it('[attack.23] is never left through a link, not even one that comes later', async () => {
    const workspace = join(manager.workspace, 'project');
    mkdirSync(workspace);
    symlinkSync('/', join(manager.workspace, 'link'));
    await expect(manager.open({ workspace: join(manager.workspace, 'link', 'etc') })).rejects.toThrow('403');
    const { session, token } = await manager.open({ workspace });
    renameSync(workspace, `${workspace}.old`);
    symlinkSync('/etc', workspace);
    await manager.api('POST', `/api/sessions/${session.id}/servers/counting/restart`);
    const { json } = await new RawMcp(mine.url, token).initialize();
    expect(json).toMatchObject({ error: { message: expect.stringContaining('reached through a link') } });
    await manager.api('DELETE', `/api/sessions/${session.id}`);
  });
});

describe('a terminal that closes', () => {
  it('[attack.orphans] while its servers still start leaves none', async () => {
    await using other = await TestManager.start({
      servers: { slow: { command: 'node', args: ['-e', 'setInterval(() => {}, 1000)'] } },
    });
    const { session, token } = await other.open({ servers: ['slow'] });
    const connecting = new RawMcp(`${other.url}/mcp/slow`, token).initialize();
    await eventually('its server runs', async () => (await other.instances()).length >= 2);
    const opening = other.open({ servers: ['slow', 'counting'] }).catch((error: Error) => error);
    const list = () => other.api<SessionList>('GET', '/api/sessions');
    await eventually('another one opens', async () => (await list()).sessions.length === 2);
    for (const { id } of (await list()).sessions) await other.api('DELETE', `/api/sessions/${id}`);
    expect((await connecting).headers.get('mcp-session-id')).toBeNull();
    await opening;
    await eventually('no process is left', async () => (await other.instances()).length === 0);
    await expect(other.view(session.id)).rejects.toThrow('404');
  });
});

interface Found {
  readonly path: string;
  readonly stat: Stats;
  /** What is in it, in Latin-1, if it is a file. */
  readonly text: string;
}

/** Every file, directory and socket below. */
function below(path: string): Found[] {
  const stat = lstatSync(path);
  const found = { path, stat, text: stat.isFile() ? readFileSync(path, 'latin1') : '' };
  return stat.isDirectory() ? [found, ...readdirSync(path).flatMap((name) => below(join(path, name)))] : [found];
}

/** The same of several, looked at again if something went away under the reader: a session's directories, a file on its way. */
const allBelow = (...paths: string[]) => eventually('all is looked at', async () => paths.flatMap(below));

describe('at the end of it all', () => {
  it('[attack.11] every file and directory is private', async () => {
    const found = await allBelow(manager.state, manager.runtimeRoot);
    expect(found.some(({ path }) => path.endsWith('.sock'))).toBe(true);
    // The test itself made the catalogue; Node makes the cache, of code that is no secret, inside of a directory that is closed.
    const others = ['catalogue.json', 'compile-cache'].map((name) => join(manager.state, name));
    const ours = found.filter(({ path }) => !others.some((other) => path === other || path.startsWith(`${other}/`)));
    // Whoever connects to a socket must get through its directory first.
    const open = ours.filter(({ stat }) => !stat.isSocket() && (stat.mode & 0o077) !== 0);
    expect(open.map(({ path }) => path)).toEqual([]);
  });

  it('[attack.7] no probe and no error shows an id', async () => {
    const { id } = victim.session;
    const ids = [id, thief.session.id, ...secrets];
    const answers = [
      ...(await Promise.all(
        ['/health', '/livez', '/readyz', '/', '/metrics', '/api/x'].map((path) => raw('GET', path)),
      )),
      await raw('GET', `/api/sessions/${id}`, bearing(thief.token)),
      await raw('POST', `/api/sessions/${id}/servers/nothing/stop`, owner()),
      await raw('GET', '/mcp/counting', bearing(thief.token, { accept: '*/*', 'mcp-session-id': mine.id as string })),
      await raw('GET', '/mcp/nothing', bearing(thief.token, { accept: '*/*' })),
    ];
    for (const { text } of answers) for (const secret of ids) expect(text).not.toContain(secret);
  });

  it('[attack.7] no log shows a secret, at debug neither, nor does any file', async () => {
    const text = 'a payload that nobody is to see';
    expect(textIn(await mine.post(callTool(1, 'echo', { text })))).toBe(text);
    expect(manager.log).toContain('"level":"debug"');
    const files = (await allBelow(manager.runtimeRoot)).filter(({ stat }) => stat.isFile());
    const logs = files.filter(({ path }) => !path.endsWith('.calls')); // hashes
    expect(logs.length).toBeGreaterThan(0);
    for (const written of [manager.log, ...logs.map((log) => log.text)]) {
      for (const secret of [...secrets, text]) expect(written.includes(secret), secret.slice(0, 8)).toBe(false);
    }
    for (const log of [manager.log, ...logs.filter(({ path }) => path.endsWith('.log')).map((log) => log.text)])
      expect(log).not.toContain('\x1b');
    const key = readFileSync(join(manager.state, 'key'));
    const hidden = [
      victim.token,
      thief.token,
      's3cret',
      key.toString('latin1'),
      key.toString('hex'),
      manager.credential,
    ];
    for (const { path, text: written } of await allBelow(manager.state))
      if (!['key', 'credential', 'catalogue.json'].includes(path.slice(manager.state.length + 1)))
        for (const secret of hidden) expect(written.includes(secret), path).toBe(false);
  });
});
