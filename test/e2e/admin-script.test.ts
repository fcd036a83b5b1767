import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { requires } from '../support/requires.ts';

/** As operators have it, but for the password. */
const SCRIPT = `
TOKEN=$(curl -s -X POST http://localhost:8900/admin/api/login -H "Content-Type: application/json" -d '{"username":"admin","password":"..."}' | jq -r '.token')
curl -H "Authorization: Bearer $TOKEN" http://localhost:8900/admin/api/sessions/health      # .status == "healthy"
curl -H "Authorization: Bearer $TOKEN" -X POST http://localhost:8900/admin/api/sessions/refresh -H "Content-Type: application/json" -d '{}'
curl -H "Authorization: Bearer $TOKEN" http://localhost:8900/admin/api/sessions/debug
curl -H "Authorization: Bearer $TOKEN" -X POST http://localhost:8900/admin/api/sessions/cleanup
curl http://localhost:8900/health
`;

/** For cron; the password comes from the file where the first start put it. */
const CRON = `
TOKEN=$(curl -s -X POST http://localhost:8900/admin/api/login \\
  -H "Content-Type: application/json" \\
  -d "{\\"username\\": \\"admin\\", \\"password\\": \\"$(cat "$STATE/admin-password")\\"}" | jq -r '.token')

HEALTH=$(curl -s -H "Authorization: Bearer $TOKEN" \\
  http://localhost:8900/admin/api/sessions/health | jq -r '.status')

if [ "$HEALTH" != "healthy" ]; then
    echo "$(date): Session health check failed" >> "$LOGS/haivemind-sessions.log"
    # Trigger cleanup
    curl -s -H "Authorization: Bearer $TOKEN" \\
      -X POST http://localhost:8900/admin/api/sessions/cleanup
fi
`;

requires('jq')('the script of operators', () => {
  let manager: TestManager;
  let home: string;
  beforeAll(async () => {
    const broken = { command: 'node', args: ['-e', 'process.exit(1)'] };
    manager = await TestManager.start({ servers: { broken } });
    home = join(manager.root, 'operator');
    mkdirSync(home);
    // The manager of a test has any free port; the script says 8900.
    const { port } = new URL(manager.url);
    writeFileSync(join(home, '.curlrc'), `connect-to = "localhost:8900:127.0.0.1:${port}"\nsilent\n`);
    await eventually('it is healthy', async () => {
      const { status } = (await (await fetch(`${manager.url}/health`)).json()) as { status: string };
      return status === 'healthy';
    });
  });
  afterAll(() => manager[Symbol.asyncDispose]());

  const password = () => readFileSync(join(manager.state, 'admin-password'), 'utf8').trim();
  const run = async (script: string) => {
    const env = { PATH: process.env.PATH, HOME: home, STATE: manager.state, LOGS: home };
    return (await promisify(execFile)('bash', ['-euc', script], { env })).stdout;
  };

  it('[admin.script] works word for word, with curl and jq', async () => {
    const { session } = await manager.open();
    const stdout = await run(SCRIPT.replace('"..."', JSON.stringify(password())));
    const answers = stdout.split(/(?<=\})(?=\{)/).map((text) => JSON.parse(text));
    const [health, refresh, debug, cleanup, probe] = answers;
    expect(answers).toHaveLength(5);
    expect(health).toMatchObject({
      status: 'healthy',
      active_sessions: 1,
      session_details: [{ session_id: session.id, is_terminated: false, created_at: expect.any(String) }],
      server_uptime: expect.any(Number),
      mcp_config: { sse_path: '/sse', message_path: '/messages/', stateless: false, session_recovery_enabled: true },
    });
    expect(refresh).toMatchObject({ message: expect.any(String), refreshed_at: expect.any(String), total_sessions: 1 });
    expect(debug).toMatchObject({
      session_manager_available: true,
      mcp_server_available: true,
      stored_activities: 1,
      stored_sessions: 1,
      config: { store: 'embedded' },
    });
    expect(cleanup).toMatchObject({ message: 'Cleaned up 0 terminated sessions', remaining_sessions: 1 });
    expect(probe).toMatchObject({
      status: 'healthy',
      server: 'mcp-session-manager',
      version: expect.any(String),
      machine_id: expect.any(String),
      endpoints: { mcp: '/mcp', sse: '/sse' },
      ssl_enabled: false,
    });
    expect(stdout + manager.log).not.toContain(password());
    expect(manager.log).toContain('Session management endpoints registered');
  });

  it('[admin.script] the one for cron is silent when all is well, and acts when it is not', async () => {
    const log = join(home, 'haivemind-sessions.log');
    expect(await run(CRON)).toBe('');
    expect(existsSync(log)).toBe(false);
    await manager.open({ servers: ['broken'] });
    const stdout = await eventually('it sees what is wrong', async () => (await run(CRON)) || undefined);
    expect(JSON.parse(stdout)).toMatchObject({ message: 'Cleaned up 0 terminated sessions' });
    expect(readFileSync(log, 'utf8')).toContain('Session health check failed');
  });

  it('[people.first] the first start says once where the password is, and never what it is', async () => {
    const said = () => manager.log.split('\n').filter((line) => line.includes('admin-password'));
    expect(said()).toHaveLength(1);
    const before = password();
    await manager.kill('SIGTERM');
    await manager.start();
    expect(password()).toBe(before);
    expect(said()).toHaveLength(1);
    expect(manager.log).not.toContain(before);
  });
});
