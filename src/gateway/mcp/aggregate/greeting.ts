import type { AppError } from '../../../core/errors.ts';
import type { ServerName } from '../../../core/ids.ts';
import type { ServerFacts } from '../target.ts';

/** What one server said in `initialize`, or why it did not. */
export type Greeting = { readonly server: ServerName } & (
  | { readonly facts: ServerFacts }
  | { readonly error: AppError }
);

const MERGED = ['tools', 'prompts', 'resources', 'logging', 'completions'] as const;

/** Whom a client of `/mcp` talks to. */
export const serverInfo = (version: string): object => ({ name: 'mcp-session-manager', version });

/**
 * The `initialize` result of `/mcp`: what any of the servers can, all of them can. `tools` and its `listChanged` are always
 * there: a server that is down now may be up later.
 */
export function mergeGreetings(greetings: readonly Greeting[], protocolVersion: string, version: string): object {
  const capabilities: Record<string, Record<string, unknown>> = { tools: { listChanged: true } };
  const instructions: string[] = [];
  for (const greeting of greetings) {
    const { server } = greeting;
    if ('error' in greeting) {
      instructions.push(`${server}: not available now (${greeting.error.message})`);
      continue;
    }
    for (const name of MERGED) {
      const one = greeting.facts.capabilities[name];
      if (one !== undefined) capabilities[name] = { ...capabilities[name], ...(one as object) };
    }
    if (greeting.facts.instructions) instructions.push(`${server}: ${greeting.facts.instructions}`);
  }
  const names = greetings.map(({ server }) => server).join(', ');
  const intro = `The servers of this session: ${names}. Names of tools and prompts begin with the server's name and "_".`;
  return {
    protocolVersion,
    capabilities,
    serverInfo: serverInfo(version),
    instructions: [intro, ...instructions].join('\n\n'),
  };
}
