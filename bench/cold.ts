import { fileURLToPath } from 'node:url';
import { startNode } from './children.ts';
import { HttpClient } from './http-client.ts';
import { Manager } from './manager.ts';
import { median } from './measure.ts';
import { StdioConversation } from './stdio-client.ts';

const FILESYSTEM = fileURLToPath(new URL('../dist/servers/filesystem.js', import.meta.url));

/** Medians, milliseconds. */
export interface Cold {
  /** From `POST /api/sessions` to the answer to `tools/list`, the filesystem server in the session. */
  readonly session: number;
  /** From the start of the same server, alone, to its answer to `initialize` on stdio. */
  readonly server: number;
}

/** Both in turn. What they need is in V8's compile cache, as it is from the second start on. */
export async function measureCold(runs: number): Promise<Cold> {
  await using manager = await Manager.start();
  await session(manager);
  await server(manager);
  await manager.stop(); // the cache is complete when everybody has ended cleanly
  await manager.start();
  await session(manager);
  const sessions: number[] = [];
  const servers: number[] = [];
  for (let run = 0; run < runs; run++) {
    sessions.push(await session(manager));
    servers.push(await server(manager));
  }
  return { session: median(sessions), server: median(servers) };
}

async function session(manager: Manager): Promise<number> {
  const began = performance.now();
  const { session, token } = await manager.open(['filesystem']);
  await using client = new HttpClient(manager.endpoint('filesystem'), token);
  const conversation = await client.open();
  const answer = await conversation.request('tools/list');
  const ms = performance.now() - began;
  if (!answer.includes('"read_text_file"')) throw new Error(`tools/list: ${answer}`);
  await manager.close(session.id);
  await manager.quiet();
  return ms;
}

async function server(manager: Manager): Promise<number> {
  const began = performance.now();
  const env = { ...process.env, NODE_COMPILE_CACHE: manager.compileCache };
  const conversation = await StdioConversation.open(startNode([FILESYSTEM, manager.root], { env, quiet: true }));
  const ms = performance.now() - began;
  await conversation.close();
  return ms;
}
