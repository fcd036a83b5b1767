import { mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { stateDirectory } from './core/state-directory.ts';

/**
 * The program: its first argument is a role, or a command of the command line. A host must start in tens of milliseconds,
 * so nothing is loaded here but what the role needs, and that from V8's compile cache.
 */
const [role, ...args] = process.argv.slice(2);
cacheCompiledCode();
if (role === 'serve') {
  const { serve } = await import('./roles/serve.ts');
  process.exitCode = await serve(args, import.meta.filename);
} else if (role === 'host') {
  const { host } = await import('./roles/host.ts');
  await host(args);
} else {
  const { runCli } = await import('./cli/main.ts');
  process.exitCode = await runCli(process.argv.slice(2));
}

/** An instance gets no state directory in its environment, but `$NODE_COMPILE_CACHE`, which Node obeys by itself. */
function cacheCompiledCode(): void {
  if (process.env.NODE_COMPILE_CACHE) return;
  const state = stateDirectory(process.env);
  try {
    // Made here with the right mode, or Node would make it with the default one.
    mkdirSync(state, { recursive: true, mode: 0o700 });
    enableCompileCache(join(state, 'compile-cache'));
  } catch {
    // Without a cache it is slower and right.
  }
}
