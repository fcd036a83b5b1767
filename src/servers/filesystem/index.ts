import { isMainThread, parentPort } from 'node:worker_threads';
import { Additions } from './additions.ts';
import { Interposition } from './interposition.ts';

/**
 * The filesystem server: the official program as it is, and what is added to it. The program speaks on the process's standard
 * streams, so it is given others in their place, and what is said on them passes here. A watch runs this file again, in a
 * thread of its own.
 */
if (isMainThread) {
  const additions = new Additions({
    directories: process.argv.slice(2),
    configDir: process.env.MCP_CONFIG_DIR,
    program: new URL(import.meta.url),
  });
  const { stdin, stdout } = new Interposition(process.stdin, process.stdout, additions);
  Object.defineProperties(process, { stdin: { value: stdin }, stdout: { value: stdout } });
  await import('@modelcontextprotocol/server-filesystem/dist/index.js');
} else if (parentPort) {
  const { serveNotifications } = await import('./watch/native-thread.ts');
  serveNotifications(parentPort);
}
