/**
 * A stdio MCP server on nothing but Node, which shows what came over: tools `line` (the line of its own call), `lines` (all that
 * came by now), `hang` (no answer) and `ask` (asks its client by `method`, whatever that can do); `completion/complete` asks too. Its lists have two pages. What is no
 * message ends it.
 */

interface Call {
  readonly id?: number | string | undefined;
  readonly method: string;
  readonly params?: {
    readonly name?: string;
    readonly arguments?: { readonly method?: string; readonly more?: object };
    readonly cursor?: string;
    readonly _meta?: { readonly progressToken?: unknown };
  };
}

/** A cursor that would not survive being taken for a number, a URL or a name. */
const SECOND = 'é "2"/?&,=';
const lines: string[] = [];
/** Calls that wait for an answer of the client, by the id of the question. */
const asked = new Map<unknown, Call>();

function say(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

function ask(waiting: Call, method = 'elicitation/create', more: object = {}): void {
  const id = `question-${asked.size}`;
  asked.set(id, waiting);
  const question = { message: '?', requestedSchema: { type: 'object', properties: {} }, messages: [], maxTokens: 1 };
  say({ id, method, params: { ...question, ...more } });
}

function call(line: string, { id, params }: Call): void {
  if (params?.name === 'hang') return;
  if (params?.name === 'ask') {
    ask({ id, method: 'tools/call' }, params.arguments?.method, params.arguments?.more);
    return;
  }
  const progressToken = params?._meta?.progressToken;
  const _meta = { 'example.org/said': { a: [1] } };
  if (progressToken !== undefined)
    for (const progress of [1, 2])
      say({ method: 'notifications/progress', params: { progressToken, progress, _meta } });
  const text = params?.name === 'lines' ? JSON.stringify(lines) : line;
  say({ id, result: { content: [{ type: 'text', text }], _meta } });
}

function page({ id, params }: Call): void {
  const named = (name: string) => ({ name, inputSchema: { type: 'object' } });
  if (params?.cursor === undefined) say({ id, result: { tools: [named('line'), named('lines')], nextCursor: SECOND } });
  else if (params.cursor === SECOND) say({ id, result: { tools: [named('hang')] } });
  else say({ id, error: { code: -32602, message: `no such cursor: ${params.cursor}` } });
}

function take(line: string): void {
  lines.push(line);
  const message = JSON.parse(line) as Call;
  if (message.id === undefined) return;
  const waiting = asked.get(message.id);
  if (waiting) {
    say({ id: waiting.id, result: { content: [{ type: 'text', text: line }], completion: { values: [] } } });
  } else if (message.method === 'initialize') {
    const serverInfo = { name: 'mirror', version: '3', title: 'Mirror' };
    const capabilities = { tools: {}, experimental: { 'example.org/x': {} } };
    say({ id: message.id, result: { protocolVersion: '2025-06-18', capabilities, serverInfo, instructions: 'Look.' } });
  } else if (message.method === 'tools/list') page(message);
  else if (message.method === 'tools/call') call(line, message);
  else if (message.method === 'completion/complete') ask(message);
  else say({ id: message.id, error: { code: -32601, message: 'Method not found' } });
}

// Not by node:readline, for which U+2028 ends a line too.
let rest = '';
for await (const chunk of process.stdin.setEncoding('utf8')) {
  const [...whole] = `${rest}${chunk}`.split('\n');
  rest = whole.pop() ?? '';
  for (const line of whole) take(line);
}

export {};
