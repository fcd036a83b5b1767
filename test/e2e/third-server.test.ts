import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { textOf, transport } from '../support/mcp-clients.ts';

const EVERYTHING = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'));

let manager: TestManager;
let token: string;
beforeAll(async () => {
  // What a user does: an entry in catalogue.json.
  const everything = { command: 'node', args: [EVERYTHING, 'stdio'], env: { GREETING: 'in ${workspace}' } };
  manager = await TestManager.start({ servers: { everything } });
  ({ token } = await manager.open({ servers: ['everything', 'filesystem'] }));
});
afterAll(() => manager[Symbol.asyncDispose]());

const endpoints = [
  { path: '/mcp/everything', name: (own: string) => own, uri: (own: string) => own, logger: undefined },
  {
    path: '/mcp',
    name: (own: string) => `everything_${own}`,
    uri: (own: string) => `everything+${own}`,
    logger: 'everything',
  },
];

describe.each(endpoints)('the everything server, added by a user, at $path', ({ path, name, uri, logger }) => {
  let client: Client;
  const call = (tool: string, args: Record<string, unknown> = {}) =>
    client.callTool({ name: name(tool), arguments: args });

  beforeAll(async () => {
    client = new Client(
      { name: 'test', version: '1.0.0' },
      { capabilities: { sampling: {}, elicitation: {}, roots: {} } },
    );
    await client.connect(transport(`${manager.url}${path}`, token) as never);
  });
  afterAll(() => client.close());

  it('has its tools, those too that depend on what the client can', async () => {
    const { tools } = await client.listTools();
    const names = tools.map((tool) => tool.name);
    expect(names).toEqual(
      expect.arrayContaining(['echo', 'get-sum', 'trigger-sampling-request', 'trigger-elicitation-request'].map(name)),
    );
    // A client's roots are not passed on, so for the server there are none.
    expect(names).not.toContain(name('get-roots-list'));
    expect(textOf(await call('get-sum', { a: 2, b: 40 }))).toContain('42');
    expect((await call('get-structured-content', { location: 'Chicago' })).structuredContent).toMatchObject({
      conditions: expect.any(String),
    });
    expect(await call('get-tiny-image')).toMatchObject({
      content: expect.arrayContaining([expect.objectContaining({ type: 'image', mimeType: 'image/png' })]),
    });
  });

  it('has the environment of its entry', async () => {
    const env = JSON.parse(textOf(await call('get-env'))) as Record<string, string>;
    expect(env).toMatchObject({ GREETING: `in ${manager.workspace}`, MCP_SESSION_ID: expect.any(String) });
    expect(JSON.stringify(env)).not.toContain(token);
  });

  it('has its prompts', async () => {
    const { prompts } = await client.listPrompts();
    expect(prompts.map((prompt) => prompt.name)).toEqual(
      expect.arrayContaining(['simple-prompt', 'args-prompt', 'completable-prompt', 'resource-prompt'].map(name)),
    );
    const asked = await client.getPrompt({ name: name('args-prompt'), arguments: { city: 'Ulm' } });
    expect(asked.messages[0]?.content).toEqual({ type: 'text', text: "What's weather in Ulm?" });
    const resource = { resourceType: 'Text', resourceId: '7' };
    const embedded = await client.getPrompt({ name: name('resource-prompt'), arguments: resource });
    expect(embedded.messages[1]?.content).toMatchObject({ resource: { uri: uri('demo://resource/dynamic/text/7') } });
  });

  it('has its resources: what is listed, linked to and made of a template can be read', async () => {
    const { resources } = await client.listResources();
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain(
      uri('demo://resource/dynamic/text/{resourceId}'),
    );
    const { content } = await call('get-resource-links', { count: 2 });
    const links = (content as { type: string; uri: string }[]).filter(({ type }) => type === 'resource_link');
    const uris = [resources[0]?.uri ?? '', ...links.map((link) => link.uri), uri('demo://resource/dynamic/text/5')];
    expect(uris).toHaveLength(4);
    for (const one of uris) {
      const { contents } = await client.readResource({ uri: one });
      expect(contents[0]?.uri).toBe(one);
    }
  });

  it('completes arguments of prompts, with context, and of templates', async () => {
    const ref = { type: 'ref/prompt' as const, name: name('completable-prompt') };
    const department = await client.complete({ ref, argument: { name: 'department', value: 'S' } });
    expect(department.completion.values).toEqual(['Sales', 'Support']);
    const person = await client.complete({
      ref,
      argument: { name: 'name', value: 'D' },
      context: { arguments: { department: 'Sales' } },
    });
    expect(person.completion.values).toEqual(['David']);
    const template = { type: 'ref/resource' as const, uri: uri('demo://resource/dynamic/text/{resourceId}') };
    const id = await client.complete({ ref: template, argument: { name: 'resourceId', value: '12' } });
    expect(id.completion.values).toEqual(['12']);
  });

  it('asks the client: sampling and elicitation', async () => {
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
      role: 'assistant',
      model: 'a model',
      content: { type: 'text', text: `heard ${JSON.stringify(params.messages[0]?.content)}` },
    }));
    const sampled = textOf(await call('trigger-sampling-request', { prompt: 'ping' }));
    expect(sampled).toMatch(/heard .*ping/);
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada', integer: 7 } }));
    const elicited = textOf(await call('trigger-elicitation-request'));
    expect(elicited).toMatch(/- Name: Ada\n.*- Favorite Integer: 7/s);
  });

  it('reports progress', async () => {
    const seen: unknown[] = [];
    const result = await client.callTool(
      { name: name('trigger-long-running-operation'), arguments: { duration: 0.4, steps: 4 } },
      undefined,
      { onprogress: ({ progress, total }) => seen.push([progress, total]) },
    );
    expect(textOf(result)).toContain('completed');
    expect(seen).toEqual([1, 2, 3, 4].map((step) => [step, 4]));
  });

  it('logs', async () => {
    const logged: { readonly data: unknown; readonly logger?: string | undefined }[] = [];
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params));
    await client.setLoggingLevel('debug');
    await call('toggle-simulated-logging');
    const entry = await eventually('a message', async () => logged.find(({ data }) => /level/i.test(String(data))));
    expect(entry.logger).toBe(logger);
    await call('toggle-simulated-logging');
  });

  it('tells subscribers of changed resources', async () => {
    const updated: string[] = [];
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
    const subscribed = uri('demo://resource/dynamic/text/1');
    await client.subscribeResource({ uri: subscribed });
    await call('toggle-subscriber-updates');
    await eventually('an update', async () => updated.length > 0);
    expect(new Set(updated)).toEqual(new Set([subscribed]));
    await call('toggle-subscriber-updates');
    await client.unsubscribeResource({ uri: subscribed });
  });
});
