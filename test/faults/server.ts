/**
 * The stdio MCP server of the fault suite. Each call of a tool writes its id into the file `LEDGER` as it begins, which
 * outlives server and container: a call that ran twice is there twice. `count` answers with the number of its own lines.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const STEP_MS = 250;
const MIB = 2 ** 20;

const file = process.env.LEDGER ?? '';
const server = new McpServer({ name: 'ledger', version: '1.0.0' });
const said = (text: string) => ({ content: [{ type: 'text' as const, text }] });
const begin = (kind: string, id: string) => appendFileSync(file, `${kind} ${id}\n`);

server.registerTool('short', { inputSchema: { id: z.string() } }, ({ id }) => {
  begin('short', id);
  return said(id);
});

server.registerTool('count', { inputSchema: { id: z.string() } }, ({ id }) => {
  begin('count', id);
  const lines = readFileSync(file, 'utf8').split('\n');
  return said(String(lines.filter((line) => line.startsWith('count ')).length));
});

server.registerTool('long', { inputSchema: { id: z.string(), ms: z.number() } }, async ({ id, ms }) => {
  begin('long', id);
  await delay(ms);
  return said(id);
});

server.registerTool(
  'progress',
  { inputSchema: { id: z.string(), steps: z.number().int() } },
  async ({ id, steps }, { _meta, sendNotification }) => {
    begin('progress', id);
    const progressToken = _meta?.progressToken ?? '';
    for (let progress = 1; progress <= steps; progress++) {
      await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: steps } });
      await delay(STEP_MS);
    }
    return said(id);
  },
);

server.registerTool('eat', { description: 'Takes memory until there is none left.' }, async () => {
  for (const held: Buffer[] = []; ; await delay(1)) held.push(Buffer.alloc(16 * MIB, held.length + 1));
});

await server.connect(new StdioServerTransport());
