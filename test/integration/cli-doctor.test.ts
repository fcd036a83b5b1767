import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { runCli } from '../../src/cli/main.ts';
import { version } from '../../src/cli/version.ts';
import { FakeManager, type Handler } from '../fakes/fake-manager.ts';
import { cliIo } from '../support/cli-io.ts';

let manager: FakeManager;
let folder: string;
beforeEach(async () => {
  manager = await FakeManager.start();
  folder = await mkdtemp(join(tmpdir(), 'cli-doctor-'));
  health({ status: 'healthy', version: version() });
});
afterEach(async () => {
  await manager[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** @param offset of its clock, milliseconds */
function health(body: object, offset = 0): void {
  const answer: Handler = (_, response) =>
    void response
      .writeHead(200, { date: new Date(Date.now() + offset).toUTCString() })
      .end(JSON.stringify({ server: 'mcp-session-manager', ...body }));
  manager.handlers.set('GET /health', answer);
}

/** Paths of an engine that is not there, unless a test says otherwise: this machine may have one. */
async function run(command: string, env: Record<string, string> = {}) {
  const engine = { MCP_SESSION_MANAGER_DOCKER_SOCKET: join(folder, 'no.sock') };
  const { io, written } = cliIo({ cwd: folder, env: { ...manager.env, HOME: folder, ...engine, ...env } });
  return { code: await runCli(command.split(' '), io), ...written };
}
async function diagnosis(env: Record<string, string> = {}) {
  const { code, stdout } = await run('doctor --json', env);
  const { schema, healthy, findings } = JSON.parse(stdout) as { schema: string; healthy: boolean; findings: Finding[] };
  expect({ schema, healthy }).toEqual({ schema: 'mcp-session-manager/doctor/1', healthy: code === 0 });
  const of = (check: string) => findings.filter((finding) => finding.check === check);
  return { code, findings, of };
}

describe('doctor', () => {
  it('finds nothing wrong where nothing is, and shows it line by line', async () => {
    await run('init --shell bash');
    await run('mcp-config --write');
    const { code, findings, of } = await diagnosis();
    expect({ code, problems: findings.filter(({ status }) => status === 'problem') }).toEqual({
      code: 0,
      problems: [],
    });
    const checks = ['node', 'installation', 'terminal', 'credentials', 'configuration', 'clients', 'gateway', 'store'];
    for (const check of [...checks, 'clock', 'credential', 'session']) {
      expect(of(check)).toEqual([expect.objectContaining({ status: 'ok' })]);
    }
    for (const check of ['login', 'engine']) expect(of(check)[0]?.status).toBe('skipped');
    const { stdout } = await run('doctor');
    expect(stdout.trimEnd().split('\n')).toHaveLength(findings.length + 1);
    expect(stdout).toMatch(/^ok {7}node: Node /);
    expect(stdout).toMatch(/nothing is wrong\n$/);
    expect(manager.seen.every(({ method, path }) => method === 'GET' || path === '/api/sessions')).toBe(true);
  });

  it.each([
    [{ reasons: [{ code: 'store.unavailable', text: 'The store is away' }] }, 'store', 'problem', 'The store is away'],
    [{ reasons: [{ code: 'controller.absent', text: 'nobody leads' }] }, 'health', 'warning', 'nobody leads'],
    [{ status: 'unhealthy' }, 'gateway', 'problem', 'unhealthy'],
    [{ version: '0.0.1' }, 'gateway', 'warning', '0.0.1'],
    [{ server: 'something else' }, 'gateway', 'problem', 'another program'],
  ])('reads the health %j', async (body, check, status, text) => {
    health({ status: 'degraded', version: version(), ...body });
    const { of } = await diagnosis();
    expect(of(check)).toEqual([
      expect.objectContaining({ status, text: expect.stringContaining(text), remedy: expect.any(String) }),
    ]);
  });

  it('finds a variable that was mistyped', async () => {
    const { code, of } = await diagnosis({ MCP_SESSION_MANAGER_IDLE_TLL: '1h' });
    expect(code).toBe(0);
    expect((await run('doctor', { MCP_SESSION_MANAGER_IDLE_TLL: '1h' })).stdout).toMatch(/^1 warning: see "To do"\n$/m);
    const text = expect.stringContaining('did you mean MCP_SESSION_MANAGER_IDLE_TTL?');
    expect(of('configuration')).toEqual([expect.objectContaining({ status: 'warning', text })]);
  });

  it.each([
    [-3_600_000, 'problem'],
    [3_600_000, 'problem'],
    [30_000, 'warning'],
    [0, 'ok'],
  ])('sees a clock that is off by %i ms', async (offset, status) => {
    health({ status: 'healthy', version: version() }, offset);
    expect((await diagnosis()).of('clock')).toEqual([expect.objectContaining({ status })]);
  });

  it('sees a manager that is away, and still looks at everything else', async () => {
    await manager.stop();
    const { code, of } = await diagnosis();
    expect(code).toBe(1);
    expect(of('gateway')).toEqual([
      expect.objectContaining({
        status: 'problem',
        text: expect.stringContaining('not running'),
        remedy: expect.stringContaining('npm start'),
      }),
    ]);
    expect(of('gateway')[0]?.text).not.toContain('npm start');
    expect(of('session')[0]?.text).toBe('not looked at: the manager does not answer');
    expect(of('node')[0]?.status).toBe('ok');
    await manager.listen();
    await rm(join(manager.stateDirectory, 'manager.json'));
    expect((await diagnosis()).of('gateway')[0]?.status).toBe('problem');
  });

  it('sees a credential that the manager does not know, and files that others may read', async () => {
    const file = join(manager.stateDirectory, 'credential');
    await writeFile(file, 'of another manager\n');
    await chmod(file, 0o644);
    const { of } = await diagnosis();
    expect(of('credential')[0]).toMatchObject({ status: 'problem', remedy: expect.stringContaining('credential') });
    expect(of('credentials')).toEqual([
      { check: 'credentials', status: 'problem', text: `others may read ${file}`, remedy: `chmod 600 ${file}` },
    ]);
  });

  it('sees broken files of configuration, and clients that were told something else', async () => {
    const catalogue = join(manager.stateDirectory, 'catalogue.json');
    await writeFile(catalogue, '{"servers": {}}');
    const settings = join(folder, 'settings.json');
    await writeFile(settings, '{');
    await run('mcp-config --write --client cursor --server filesystem');
    const { of } = await diagnosis({ MCP_SESSION_MANAGER_CONFIG: settings });
    const texts = of('configuration').map(({ status, text }) => `${status} ${text}`);
    expect(texts).toEqual([
      expect.stringMatching(`^problem .*${settings}.*: line 1, column 2: a closing } is missing$`),
      expect.stringMatching(`^problem ${catalogue}: .*mcpServers`),
      expect.stringMatching(`^problem ${catalogue}: .*servers`),
    ]);
    expect(of('clients')[0]).toMatchObject({ status: 'warning', remedy: expect.stringContaining('--client cursor') });
  });

  it('sees that a file is missing which the environment names', async () => {
    const { of } = await diagnosis({ MCP_SESSION_MANAGER_CATALOGUE: join(folder, 'absent.json') });
    const text = expect.stringMatching(`${join(folder, 'absent.json')}.*no such file`);
    expect(of('configuration')).toEqual([expect.objectContaining({ status: 'problem', text })]);
  });

  it('asks the engine where servers run in containers', async () => {
    const socket = join(folder, 'engine.sock');
    const env = { MCP_SESSION_MANAGER_RUNTIME: 'docker', MCP_SESSION_MANAGER_DOCKER_SOCKET: socket };
    expect((await diagnosis(env)).of('engine')[0]).toMatchObject({ status: 'problem' });
    let image = 404;
    const engine = createServer((request, response) => {
      if (request.url === '/version') response.end('{"Version":"27.1"}');
      else response.writeHead(request.url === '/images/mcp-session-manager/json' ? image : 400).end('{}');
    });
    await new Promise<void>((resolve) => engine.listen(socket, resolve));
    try {
      const missing = await diagnosis(env);
      expect(missing.of('engine')).toEqual([{ check: 'engine', status: 'ok', text: 'Docker Engine 27.1 answers' }]);
      expect(missing.of('images')[0]).toMatchObject({
        status: 'problem',
        remedy: expect.stringContaining('docker build'),
      });
      image = 200;
      expect((await diagnosis(env)).of('images')[0]).toMatchObject({ status: 'ok' });
    } finally {
      engine.close();
    }
  });

  it('says which server of this terminal does not run', async () => {
    manager.servers = [{ name: 'proxmox', state: 'failed', reason: 'PROXMOX_HOST is not set' }];
    await run('init --shell bash');
    const { code, of } = await diagnosis();
    expect(code).toBe(1);
    expect(of('session')).toEqual([
      {
        check: 'session',
        status: 'problem',
        text: 'proxmox: PROXMOX_HOST is not set',
        remedy: expect.stringContaining('restart proxmox'),
      },
    ]);
    expect((await run('doctor')).stdout).toMatch(/\n1 problem: see "To do"\n$/);
  });

  it('takes a server that this terminal has set nothing for as no problem', async () => {
    const reason = 'Proxmox is not configured in this terminal';
    manager.servers = [
      { name: 'filesystem', state: 'ready' },
      { name: 'proxmox', state: 'failed', unconfigured: true, reason },
    ];
    await run('init --shell bash');
    const { code, of } = await diagnosis();
    expect(code).toBe(0);
    expect(of('session')).toEqual([
      { check: 'session', status: 'ok', text: expect.stringContaining('2 servers') },
      { check: 'session', status: 'skipped', text: `proxmox: ${reason}` },
    ]);
  });
});
