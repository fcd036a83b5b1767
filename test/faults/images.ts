import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { docker } from './docker.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));
/** Longer than a build with nothing to go on from takes. */
const BUILD_MS = 300_000;

/** Builds what shows Redis' figures to Prometheus; returns its name. */
export async function buildExporter(tag: string): Promise<string> {
  const image = `redis-exporter:${tag}`;
  const options = ['-q', '-t', image, '-f', join(HERE, 'exporter.Dockerfile')];
  await docker(['build', ...options, HERE], { deadlineMs: BUILD_MS });
  return image;
}

/** Builds the product's image from this source tree and, on top of it, the suite's; returns both names, the suite's last. */
export async function buildImages(tag: string): Promise<[product: string, suite: string]> {
  const product = `mcp-session-manager:${tag}`;
  const suite = `${product}-faults`;
  const registry = execFileSync('npm', ['config', 'get', 'registry'], {
    encoding: 'utf8',
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  const options = ['--build-arg', `NPM_REGISTRY=${registry}`, '-f', 'docker/Dockerfile', '-t', product];
  await docker(['build', '-q', ...options, '.'], { cwd: ROOT, deadlineMs: BUILD_MS });
  const context = mkdtempSync(join(tmpdir(), 'faults-'));
  try {
    await build({
      entryPoints: [join(HERE, 'server.ts'), join(HERE, 'skewed-clock.ts')],
      outdir: context,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node22',
      logLevel: 'warning',
      banner: { js: "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);" },
    });
    for (const file of ['Dockerfile', 'catalogue.json']) cpSync(join(HERE, file), join(context, file));
    await docker(['build', '-q', '--build-arg', `BASE=${product}`, '-t', suite, context], { deadlineMs: BUILD_MS });
  } finally {
    rmSync(context, { recursive: true });
  }
  return [product, suite];
}
