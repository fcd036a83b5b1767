import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { CliIo } from '../io.ts';
import { type Finding, ok, problem, skipped } from './finding.ts';

const TIMEOUT_MS = 3000;
const SOCKET = '/var/run/docker.sock';
const IMAGE = 'mcp-session-manager';

/** The container engine and the image, where servers run in containers (Docker Engine API, "/version" and "/images"). */
export async function checkEngine({ env }: CliIo): Promise<Finding[]> {
  const settings = await settingsIn(env.MCP_SESSION_MANAGER_CONFIG);
  const setting = (variable: string, field: string) => env[variable] || settings[field];
  const needed = setting('MCP_SESSION_MANAGER_RUNTIME', 'runtime') === 'docker';
  const socket = String(setting('MCP_SESSION_MANAGER_DOCKER_SOCKET', 'dockerSocket') ?? SOCKET);
  const image = String(setting('MCP_SESSION_MANAGER_IMAGE', 'image') ?? IMAGE);
  const engine = await ask(socket, '/version');
  if (!engine.ok) {
    const text = `nothing answers at ${socket} (${engine.text})`;
    return [
      needed
        ? problem('engine', text, 'start Docker Engine, and let this user use its socket')
        : skipped('engine', `${text}; servers that run as processes need none`),
    ];
  }
  const found = await ask(socket, `/images/${encodeURIComponent(image)}/json`);
  const missing = `there is no image "${image}"`;
  const build = 'docker build -f docker/Dockerfile -t mcp-session-manager .  (or docker compose build)';
  return [
    ok('engine', `Docker Engine ${engine.version ?? ''} answers`),
    found.ok
      ? ok('images', `"${image}" is there`)
      : needed
        ? problem('images', missing, build)
        : skipped('images', `${missing}; servers that run as processes need none`),
  ];
}

interface Answer {
  readonly ok: boolean;
  readonly text: string;
  readonly version?: string;
}

function ask(socketPath: string, path: string): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const sent = request({ socketPath, path, signal: AbortSignal.timeout(TIMEOUT_MS), agent: false }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    response.on('error', (error) => resolve({ ok: false, text: error.message }));
    response.on('end', () =>
      resolve({ ok: response.statusCode === 200, text: `HTTP ${response.statusCode}`, ...versionIn(body) }),
    );
  });
  sent.on('error', (error: NodeJS.ErrnoException) => resolve({ ok: false, text: error.code ?? error.message }));
  sent.end();
  return promise;
}

function versionIn(body: string): { version?: string } {
  try {
    const { Version } = JSON.parse(body) as { Version?: unknown };
    return typeof Version === 'string' ? { version: Version } : {};
  } catch {
    return {};
  }
}

async function settingsIn(file: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  if (!file) return {};
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  } catch {
    return {}; // the check of the configuration says so
  }
}
