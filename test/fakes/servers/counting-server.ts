/**
 * A stdio MCP server for tests, on the official SDK: it does a little of everything that has to pass through a relay, and
 * counts. With `COUNT_FILE` in its environment it appends a line `{tool} {pid}` for each call of a tool when the call
 * begins, so that a test can tell how often a call really ran.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

const COLOURS = ['red', 'green', 'blue'];

const server = new McpServer(
  { name: 'counting', version: '1.0.0' },
  {
    capabilities: { logging: {}, completions: {}, resources: { subscribe: true, listChanged: true } },
    instructions: 'For tests.',
  },
);
const subscriptions = new Set<string>();
let counter = 0;

const said = (text: string) => ({ content: [{ type: 'text' as const, text }] });
function count(tool: string): void {
  if (process.env.COUNT_FILE) appendFileSync(process.env.COUNT_FILE, `${tool} ${process.pid}\n`);
}

server.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text }) => {
  count('echo');
  return said(text);
});

server.registerTool(
  'sleep',
  { description: 'Sleeps and says so; ends early when cancelled.', inputSchema: { seconds: z.number() } },
  async ({ seconds }, { signal }) => {
    count('sleep');
    await delay(seconds * 1000, undefined, { signal });
    return said(`slept ${seconds}`);
  },
);

server.registerTool(
  'notify',
  { description: 'Reports progress n times.', inputSchema: { n: z.number().int() } },
  async ({ n }, { _meta, sendNotification }) => {
    count('notify');
    const progressToken = _meta?.progressToken;
    if (progressToken !== undefined)
      for (let progress = 1; progress <= n; progress++)
        await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: n } });
    return said(`notified ${n}`);
  },
);

server.registerTool('ask', { description: 'Asks the user for a colour (elicitation).' }, async ({ requestId }) => {
  count('ask');
  const answer = await server.server.elicitInput(
    {
      message: 'Which colour?',
      requestedSchema: { type: 'object', properties: { colour: { type: 'string' } }, required: ['colour'] },
    },
    { relatedRequestId: requestId },
  );
  return said(answer.action === 'accept' ? `colour ${answer.content?.colour}` : answer.action);
});

server.registerTool('sample', { inputSchema: { prompt: z.string() } }, async ({ prompt }, { requestId }) => {
  count('sample');
  const answer = await server.server.createMessage(
    { messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens: 100 },
    { relatedRequestId: requestId },
  );
  return said(answer.content.type === 'text' ? answer.content.text : answer.content.type);
});

server.registerTool('roots', { description: "Asks for the client's roots." }, async ({ requestId }) => {
  count('roots');
  const { roots } = await server.server.listRoots(undefined, { relatedRequestId: requestId });
  return said(JSON.stringify(roots.map((root) => root.uri)));
});

server.registerTool('crash', { description: 'Ends the process without an answer.' }, () => {
  count('crash');
  process.stderr.write('counting-server: crashed as asked\n');
  process.exit(3);
});

server.registerTool('log', { inputSchema: { text: z.string() } }, async ({ text }, { sessionId }) => {
  count('log');
  await server.sendLoggingMessage({ level: 'warning', logger: 'counting', data: text }, sessionId);
  return said('logged');
});

server.registerTool(
  'whoami',
  {
    description: 'Process id, directory and the environment variable `name`.',
    inputSchema: { name: z.string().optional() },
  },
  ({ name }) => {
    count('whoami');
    return said(JSON.stringify({ pid: process.pid, cwd: process.cwd(), value: name ? process.env[name] : undefined }));
  },
);

server.registerTool(
  'increment',
  { description: 'Adds one to counter://value and tells its subscribers.' },
  async () => {
    count('increment');
    counter += 1;
    if (subscriptions.has('counter://value')) await server.server.sendResourceUpdated({ uri: 'counter://value' });
    return said(String(counter));
  },
);

server.registerTool('grow', { description: 'Adds a tool, a resource and a prompt: all three lists change.' }, () => {
  count('grow');
  counter += 1;
  const name = `grown-${counter}`;
  server.registerTool(name, {}, () => said(name));
  server.registerResource(name, `counter://${name}`, {}, (uri) => ({ contents: [{ uri: uri.href, text: name }] }));
  server.registerPrompt(name, {}, () => ({ messages: [{ role: 'user', content: { type: 'text', text: name } }] }));
  return said(name);
});

server.registerResource('value', 'counter://value', { mimeType: 'text/plain' }, (uri) => ({
  contents: [{ uri: uri.href, mimeType: 'text/plain', text: String(counter) }],
}));
server.registerResource(
  'colour',
  new ResourceTemplate('colour://{name}', { list: undefined, complete: { name: startingWith } }),
  {},
  (uri, { name }) => ({ contents: [{ uri: uri.href, text: `the colour ${name}` }] }),
);
server.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
  subscriptions.add(params.uri);
  return {};
});
server.server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
  subscriptions.delete(params.uri);
  return {};
});

server.registerPrompt('paint', { argsSchema: { colour: completable(z.string(), startingWith) } }, ({ colour }) => ({
  messages: [{ role: 'user', content: { type: 'text', text: `Paint it ${colour}` } }],
}));

function startingWith(value: string): string[] {
  return COLOURS.filter((colour) => colour.startsWith(value));
}

await server.connect(new StdioServerTransport());
