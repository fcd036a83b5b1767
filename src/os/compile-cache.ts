import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stateDirectory } from '../core/state-directory.ts';

/**
 * Has Node keep what V8 compiles: in `$NODE_COMPILE_CACHE`, which Node obeys by itself; from `$MCP_COMPILE_CACHE`, the cache
 * that an image comes with; else in the state directory.
 */
export function cacheCompiledCode(env: NodeJS.ProcessEnv): void {
  if (env.NODE_COMPILE_CACHE) return;
  try {
    if (env.MCP_COMPILE_CACHE) {
      // Servers in processes of their own find it too.
      env.NODE_COMPILE_CACHE = adopted(env.MCP_COMPILE_CACHE);
      enableCompileCache(env.NODE_COMPILE_CACHE);
      return;
    }
    const state = stateDirectory(env);
    // Made here with the right mode, or Node would make it with the default one.
    mkdirSync(state, { recursive: true, mode: 0o700 });
    enableCompileCache(join(state, 'compile-cache'));
  } catch {
    // Without a cache it is slower and right.
  }
}

/**
 * A directory of this user's in which Node finds what another has compiled. Node looks in one that is named after its
 * version and the user's id, which in an instance is whoever the workspace belongs to.
 */
function adopted(shipped: string): string {
  const [compiled = ''] = readdirSync(shipped);
  const directory = join(tmpdir(), 'compile-cache');
  mkdirSync(directory, { mode: 0o700, recursive: true });
  try {
    symlinkSync(join(shipped, compiled), join(directory, compiled.replace(/\d+$/, String(process.getuid?.()))));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return directory;
}
