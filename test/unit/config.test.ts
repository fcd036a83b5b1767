import { describe, expect, it } from 'vitest';
import { SETTINGS, variableOf } from '../../src/config/settings.ts';
import { loadConfig } from '../../src/config.ts';
import { AppError } from '../../src/core/errors.ts';

const place = (env: NodeJS.ProcessEnv = {}) => ({ env: { HOME: '/home/ada', ...env }, cwd: '/srv/project', uid: 1000 });

/** The message of the error that `env` leads to. */
function problemsOf(env: NodeJS.ProcessEnv): string {
  try {
    loadConfig(place(env));
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    return (error as AppError).message;
  }
  throw new Error('the configuration was accepted');
}

describe('configuration', () => {
  it('needs nothing', () => {
    const config = loadConfig(place());
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 8900, bodyLimitBytes: 16 * 2 ** 20 });
    expect(config.sessions).toMatchObject({ idleTtlMs: 30 * 60_000, maxAgeMs: 24 * 3_600_000 });
    expect(config.state).toBe('/home/ada/.local/state/mcp-session-manager');
    expect(config.runtimeRoot).toBe('/tmp/mcp-sessions-1000');
    expect(config.store).toBe('embedded');
    expect(config).not.toHaveProperty('catalogue');
  });

  it("allows workspaces in the user's home and where the manager was started", () => {
    expect(loadConfig(place()).sessions.workspaceRoots).toEqual(expect.arrayContaining(['/home/ada', '/srv/project']));
  });

  it('follows the XDG base directories', () => {
    const config = loadConfig(place({ XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: '/run/user/1000' }));
    expect(config.state).toBe('/s/mcp-session-manager');
    expect(config.runtimeRoot).toBe('/run/user/1000/mcp-sessions');
  });

  it('takes every setting from its own variable', () => {
    const config = loadConfig(
      place({
        MCP_SESSION_MANAGER_STATE: '/state',
        MCP_SESSION_MANAGER_PORT: '0',
        MCP_SESSION_MANAGER_IDLE_TTL: '90s',
        MCP_SESSION_MANAGER_ALLOWED_HOSTS: 'mcp.example.org,[::1]',
        MCP_SESSION_MANAGER_ALLOWED_ORIGINS: 'https://example.org:8443,localhost',
        MCP_SESSION_MANAGER_WORKSPACE_ROOTS: '/a:/b c',
        MCP_SESSION_MANAGER_STORE: 'redis://:secret@localhost:6379/1',
        MCP_SESSION_MANAGER_CHANNEL_LOG: '64KiB',
        MCP_SESSION_MANAGER_CATALOGUE: 'mine.json',
      }),
    );
    expect(config.state).toBe('/state');
    expect(config.http.port).toBe(0);
    expect(config.sessions.idleTtlMs).toBe(90_000);
    expect(config.http.allowedHosts).toEqual(['mcp.example.org', '[::1]']);
    expect(config.http.allowedOrigins).toEqual(['https://example.org:8443', 'localhost']);
    expect(config.sessions.workspaceRoots).toEqual(['/a', '/b c']);
    expect(config.store).toBe('redis://:secret@localhost:6379/1');
    expect(config.hostLimits.logBytes).toBe(65_536);
    expect(config.catalogue).toBe('/srv/project/mine.json');
  });

  it('takes an empty variable for an absent one', () => {
    expect(loadConfig(place({ MCP_SESSION_MANAGER_PORT: '' })).http.port).toBe(8900);
  });

  it.each([
    ['MCP_SESSION_MANAGER_PORT', '65536', 'must be a whole number from 0 to 65535'],
    ['MCP_SESSION_MANAGER_PORT', '-1', 'must be a whole number'],
    ['MCP_SESSION_MANAGER_PORT', '8900.5', 'must be a whole number'],
    ['MCP_SESSION_MANAGER_IDLE_TTL', '1800', 'must be a duration'],
    ['MCP_SESSION_MANAGER_IDLE_TTL', '0s', 'from 1s'],
    ['MCP_SESSION_MANAGER_MAX_AGE', '25d', 'to 24d'],
    ['MCP_SESSION_MANAGER_MAX_AGE', '1m', 'must not be shorter than $MCP_SESSION_MANAGER_IDLE_TTL'],
    ['MCP_SESSION_MANAGER_BODY_LIMIT', '16MB', 'must be a size'],
    ['MCP_SESSION_MANAGER_LOG_LEVEL', 'loud', 'debug, info, warn, error'],
    ['MCP_SESSION_MANAGER_RUNTIME_ROOT', 'run', 'must be an absolute path'],
    ['MCP_SESSION_MANAGER_WORKSPACE_ROOTS', '/a:b', 'must be an absolute path'],
    ['MCP_SESSION_MANAGER_ALLOWED_HOSTS', 'http://localhost', 'without scheme and port'],
    ['MCP_SESSION_MANAGER_ALLOWED_ORIGINS', 'https://example.org/page', 'must hold origins'],
    ['MCP_SESSION_MANAGER_STORE', 'http://localhost', 'must be "embedded" or the URL'],
  ])('names %s when it is %s', (variable, value, expected) => {
    const message = problemsOf({ [variable]: value });
    expect(message).toContain(`$${variable}`);
    expect(message).toContain(expected);
  });

  it('names all problems at once and repeats no value', () => {
    const message = problemsOf({
      MCP_SESSION_MANAGER_PORT: 'high',
      MCP_SESSION_MANAGER_STORE: 'mysql://:hunter2@localhost',
    });
    expect(message).toContain('$MCP_SESSION_MANAGER_PORT');
    expect(message).toContain('$MCP_SESSION_MANAGER_STORE');
    expect(message).not.toContain('hunter2');
  });

  it('gives no two settings one variable', () => {
    const variables = Object.keys(SETTINGS).map(variableOf);
    expect(new Set(variables).size).toBe(variables.length);
  });
});
