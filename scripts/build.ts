/**
 * Bundles the program into dist/: main.js, a file for each role, their chunks, and the servers that come with it.
 * Bundled because a host must start in tens of milliseconds (docs/performance.md); `tsc` only checks types.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type OutputFile, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const outdir = `${root}dist`;

/**
 * Imports of Node's own modules become calls. To make an ES module of one, Node reads all its properties, and some of these
 * load half of Node: `WebSocket` of node:http alone all of undici, a third of a host's start.
 */
const builtins: Plugin = {
  name: 'builtins',
  setup: (bundler) => {
    bundler.onResolve({ filter: /^[a-z:_/]+$/ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace: 'builtin' } : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}')`,
    }));
  },
};

/** What dockerode has for engines that are reached by SSH, and for builds: native code, and more of it than of all the rest. */
const withoutUnused: Plugin = {
  name: 'without-unused',
  setup: (bundler) => {
    const unused = { path: 'unused', namespace: 'unused' };
    bundler.onResolve({ filter: /^(ssh2|protobufjs|@grpc\/(grpc-js|proto-loader))$/ }, () => unused);
    bundler.onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {}' }));
  },
};

/** What main.js and host.js load when they need it. */
const ROLES: Readonly<Record<string, string>> = {
  './roles/host.ts': './host.js',
  './roles/serve.ts': './serve.js',
  './roles/gateway.ts': './gateway.js',
  './roles/controller.ts': './controller.js',
  './roles/egress.ts': './egress.js',
  './roles/configurations.ts': './configurations.js',
  './cli/main.ts': './cli.js',
  '../telemetry/logger.ts': './logger.js',
  './metrics.ts': './host-metrics.js',
};
const roles: Plugin = {
  name: 'roles',
  setup: (bundler) => {
    bundler.onResolve({ filter: /\.ts$/ }, ({ path, kind }) =>
      kind === 'dynamic-import' && ROLES[path] ? { path: ROLES[path], external: true } : undefined,
    );
  },
};

const common = {
  absWorkingDir: root,
  outdir,
  write: false,
  bundle: true,
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: true,
  sourcesContent: false,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  legalComments: 'linked',
  logLevel: 'warning',
  banner: { js: "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);" },
} satisfies BuildOptions;

const isChunk = ({ path }: OutputFile) => path.startsWith(join(outdir, 'chunks'));

/** Puts `file` in its place at once; one that is there already stays as it is. */
async function put({ path, contents }: OutputFile): Promise<void> {
  const there = await readFile(path).catch(() => undefined);
  if (there?.equals(contents)) return;
  await mkdir(dirname(path), { recursive: true });
  const next = `${path}.${process.pid}`;
  await writeFile(next, contents);
  await rename(next, path);
}

/**
 * Makes dist/ out of `files`. Terminals, their exit traps and a running manager read it meanwhile: never is a file missing
 * that was there and still is one, nor half written.
 */
async function install(files: readonly OutputFile[]): Promise<void> {
  for (const file of files) await put(file);
  const wanted = new Set(files.map(({ path }) => path));
  const there = await readdir(outdir, { recursive: true, withFileTypes: true });
  const left = there.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  for (const path of left) if (!wanted.has(path)) await rm(path, { force: true });
}

// What a host loads is in as few files as can be: to find a chunk takes longer than to read it.
const hosts = await build({
  ...common,
  plugins: [builtins, roles],
  entryPoints: { main: 'src/main.ts', host: 'src/roles/host.ts' },
});
const others = await build({
  ...common,
  plugins: [builtins, withoutUnused],
  entryPoints: {
    serve: 'src/roles/serve.ts',
    gateway: 'src/roles/gateway.ts',
    controller: 'src/roles/controller.ts',
    egress: 'src/roles/egress.ts',
    configurations: 'src/roles/configurations.ts',
    cli: 'src/cli/main.ts',
    logger: 'src/telemetry/logger.ts',
    'host-metrics': 'src/host/metrics.ts',
    'servers/filesystem': 'src/servers/filesystem/index.ts',
    'servers/proxmox': 'src/servers/proxmox/index.ts',
  },
  // Its other form finds its own modules when it runs.
  alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
});
// Chunks before those that import them.
await install([...others.outputFiles, ...hosts.outputFiles].sort((a, b) => Number(isChunk(b)) - Number(isChunk(a))));
