/**
 * A stdio MCP server of 2025-11-25 for tests, without a library: it does what a well-behaved one would not, or seldom. With
 * `ODD_FILE` in its environment it appends a line there for each cancellation that it hears of.
 */
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly uri?: string; readonly requestId?: number | string };
  readonly result?: { readonly content?: object };
}

const say = (message: object): void => void process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const FORM = { message: 'What?', requestedSchema: { type: 'object', properties: {} } };
const HEADER = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } };
const PAGE = { mode: 'url', elicitationId: 'e1', url: 'https://example.org/', message: 'Go there' };

/** Who waits for which question. */
const waiting = new Map<string, (answer: Message) => void>();
let questions = 0;
function ask(method: string, params?: object): Promise<Message> {
  const id = `q${++questions}`;
  say({ id, method, ...(params ? { params } : {}) });
  return new Promise((resolve) => waiting.set(id, resolve));
}
const said = (id: Message['id'], value: unknown): void =>
  say({ id, result: { content: [{ type: 'text', text: JSON.stringify(value) }] } });
const contentOf = ({ result }: Message) => result?.content ?? 'refused';

const TOOLS: Readonly<Record<string, (id: Message['id']) => Promise<void> | void>> = {
  hang: () => {},
  /** Asks for what the client has not declared. */
  async overreach(id) {
    said(id, contentOf(await ask('sampling/createMessage', { messages: [], maxTokens: 1 })));
  },
  /** Asks twice at once, then once more, and takes a question back. */
  async questions(id) {
    const both = await Promise.all([ask('elicitation/create', FORM), ask('elicitation/create', FORM)]);
    void ask('elicitation/create', { ...FORM, message: 'Never mind' });
    say({ method: 'notifications/cancelled', params: { requestId: `q${questions}` } });
    said(id, [...both, await ask('elicitation/create', FORM)].map(contentOf));
  },
  page(id) {
    say({ id, error: { code: -32042, message: 'Not before the user was there', data: { elicitations: [PAGE] } } });
  },
  reserved(id) {
    say({ id, error: { code: -32099, message: 'A code of its own' } });
  },
};

function answer({ id, method, params }: Message): void {
  if (method === 'initialize') {
    const capabilities = { tools: {}, resources: {}, tasks: {} };
    say({ id, result: { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'odd', version: '1' } } });
  } else if (method === 'tools/list') say({ id, result: { tools: [{ name: 'hang', inputSchema: HEADER }] } });
  else if (method === 'tools/call') void TOOLS[params?.name ?? '']?.(id);
  else if (method === 'resources/read') say({ id, error: { code: -32002, message: 'Resource not found' } });
  else if (id !== undefined) say({ id, error: { code: -32601, message: 'Method not found' } });
  else if (method === 'notifications/cancelled' && process.env.ODD_FILE)
    appendFileSync(process.env.ODD_FILE, `cancelled ${params?.requestId}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as Message;
  if (message.method !== undefined) answer(message);
  else waiting.get(String(message.id))?.(message);
}
