import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { textOf, transport } from '../support/mcp-clients.ts';

let manager: TestManager;
let token: string;
beforeAll(async () => {
  manager = await TestManager.start();
  ({ token } = await manager.open({ servers: ['counting', 'filesystem'] }));
});
afterAll(() => manager[Symbol.asyncDispose]());

/** Both endpoints: what is called `echo` at the one is `counting_echo` at the other. */
const endpoints = [
  { path: '/mcp/counting', name: (own: string) => own, uri: (own: string) => own },
  { path: '/mcp', name: (own: string) => `counting_${own}`, uri: (own: string) => `counting+${own}` },
];

describe.each(endpoints)('at $path', ({ path, name, uri }) => {
  let client: Client;
  const call = (tool: string, args: Record<string, unknown> = {}) =>
    client.callTool({ name: name(tool), arguments: args });

  beforeAll(async () => {
    client = new Client(
      { name: 'test', version: '1.0.0' },
      { capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } } },
    );
    await client.connect(transport(`${manager.url}${path}`, token) as never);
  });
  afterAll(() => client.close());

  it('lists and calls tools', async () => {
    const { tools } = await client.listTools();
    expect(tools.map((tool) => tool.name)).toContain(name('echo'));
    expect(textOf(await call('echo', { text: 'grüße\n' }))).toBe('grüße\n');
  });

  it('passes progress on, in order and in full', async () => {
    const seen: number[] = [];
    const result = await client.callTool({ name: name('notify'), arguments: { n: 200 } }, undefined, {
      onprogress: ({ progress }) => seen.push(progress),
    });
    expect(textOf(result)).toBe('notified 200');
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  it('[cancel] passes a cancellation on: the server stops, other calls go on', async () => {
    const before = manager.count('sleep');
    const stop = new AbortController();
    const cancelled = client.callTool({ name: name('sleep'), arguments: { seconds: 60 } }, undefined, {
      signal: stop.signal,
    });
    await eventually('it runs', async () => manager.count('sleep') > before);
    stop.abort();
    await expect(cancelled).rejects.toThrow();
    expect(textOf(await call('echo', { text: 'on' }))).toBe('on');
  });

  it("passes the server's questions on, and their answers back", async () => {
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { colour: 'red' } }));
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
      model: 'none',
      role: 'assistant',
      content: { type: 'text', text: `said ${JSON.stringify(params.messages[0]?.content)}` },
    }));
    expect(textOf(await call('ask'))).toBe('colour red');
    expect(textOf(await call('sample', { prompt: 'hi' }))).toContain('hi');
    const many = await Promise.all(Array.from({ length: 10 }, () => call('ask')));
    expect(many.map(textOf)).toEqual(Array(10).fill('colour red'));
  });

  it("[roots] never shows the server the client's roots", async () => {
    let asked = 0;
    client.setRequestHandler(ListRootsRequestSchema, () => {
      asked += 1;
      return { roots: [{ uri: 'file:///' }] };
    });
    await client.sendRootsListChanged();
    const result = await call('roots');
    expect(result.isError).toBe(true);
    expect(asked).toBe(0);
  });

  it('passes log messages on, at the level that was set', async () => {
    const heard: unknown[] = [];
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void heard.push(params.data));
    await client.setLoggingLevel('warning');
    await call('log', { text: 'careful' });
    await eventually('the message came', async () => heard.includes('careful'));
    await client.setLoggingLevel('error');
    await call('log', { text: 'too low' });
    await call('echo', { text: 'after' });
    expect(heard).not.toContain('too low');
  });

  it('reads resources, tells of their changes, and of changes of the lists', async () => {
    const updated: string[] = [];
    let changed = 0;
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changed++);
    const { resources } = await client.listResources();
    expect(resources.map((resource) => resource.uri)).toContain(uri('counter://value'));
    await client.subscribeResource({ uri: uri('counter://value') });
    const before = await client.readResource({ uri: uri('counter://value') });
    await call('increment');
    await eventually('the update came', async () => updated.includes(uri('counter://value')));
    const after = await client.readResource({ uri: uri('counter://value') });
    expect(after.contents[0]?.uri).toBe(uri('counter://value'));
    expect(after).not.toEqual(before);
    await call('grow');
    await eventually('the change came', async () => changed > 0);
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map((template) => template.uriTemplate)).toContain(uri('colour://{name}'));
  });

  it('completes arguments of prompts and resources', async () => {
    const { prompts } = await client.listPrompts();
    expect(prompts.map((prompt) => prompt.name)).toContain(name('paint'));
    const argument = { name: 'colour', value: 'r' };
    const prompt = await client.complete({ ref: { type: 'ref/prompt', name: name('paint') }, argument });
    expect(prompt.completion.values).toEqual(['red']);
    const ref = { type: 'ref/resource' as const, uri: uri('colour://{name}') };
    const resource = await client.complete({ ref, argument: { name: 'name', value: 'b' } });
    expect(resource.completion.values).toEqual(['blue']);
    const got = await client.getPrompt({ name: name('paint'), arguments: { colour: 'blue' } });
    expect(got.messages[0]?.content).toMatchObject({ text: 'Paint it blue' });
  });

  it('answers with an error for what is not there', async () => {
    await expect(client.readResource({ uri: 'nothing://here' })).rejects.toThrow();
    await expect(client.getPrompt({ name: 'nothing' })).rejects.toThrow();
  });

  it('[outcome.unknown] says of a call whose server died that its outcome is unknown, and serves the next one', async () => {
    const before = manager.count('crash');
    await expect(call('crash')).rejects.toThrow(/whether the call took effect is unknown/);
    expect(manager.count('crash')).toBe(before + 1);
    expect(textOf(await call('echo', { text: 'back' }))).toBe('back');
  });

  it('sets up a server that was started again as the client had set it up', async () => {
    const heard: unknown[] = [];
    const updated: string[] = [];
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void heard.push(params.data));
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
    await client.setLoggingLevel('error');
    await client.subscribeResource({ uri: uri('counter://value') });
    await call('crash').catch(() => {});
    await call('increment');
    await eventually('the update came', async () => updated.length > 0);
    await call('log', { text: 'still too low' });
    await call('echo', { text: 'after' });
    expect(heard).not.toContain('still too low');
  });
});

describe('two connections of one session', () => {
  it('[attack.5] have servers of their own, and never see each other’s answers', async () => {
    const clients = await Promise.all(
      [1, 2, 3].map(async (n) => {
        const client = new Client({ name: `c${n}`, version: '1' });
        await client.connect(transport(`${manager.url}/mcp/counting`, token) as never);
        return client;
      }),
    );
    // All three count their requests from 0: equal ids.
    const rounds = await Promise.all(
      clients.map((client, n) =>
        Promise.all(
          Array.from({ length: 50 }, (_, i) => client.callTool({ name: 'echo', arguments: { text: `${n}:${i}` } })),
        ),
      ),
    );
    rounds.forEach((answers, n) => {
      expect(answers.map(textOf)).toEqual(Array.from({ length: 50 }, (_, i) => `${n}:${i}`));
    });
    const pids = await Promise.all(clients.map(async (client) => textOf(await client.callTool({ name: 'whoami' }))));
    expect(new Set(pids).size).toBe(3);
    await Promise.all(clients.map((client) => client.close()));
  });
});

describe('a server of the session that is down', () => {
  it('does not take the others with it, and is named', async () => {
    const broken = await TestManager.start({
      servers: { broken: { command: 'node', args: ['-e', 'console.error("no such luck"); process.exit(2)'] } },
    });
    try {
      const opened = await broken.open({ servers: ['counting', 'broken'] });
      const client = new Client({ name: 'test', version: '1' });
      await client.connect(transport(`${broken.url}/mcp`, opened.token) as never);
      expect(client.getInstructions()).toMatch(/broken: not available now .*/);
      const list = await client.listTools();
      expect(list.tools.map((tool) => tool.name)).toContain('counting_echo');
      expect(JSON.stringify(list._meta)).toContain('broken');
      const answer = await client.callTool({ name: 'counting_echo', arguments: { text: 'x' } });
      expect(textOf(answer)).toBe('x');
      const error = await client.callTool({ name: 'broken_x' }).catch((reason: unknown) => String(reason));
      expect(error).toContain('no such luck');
      // Not while it is being tried again for whoever listens.
      const view = await eventually('it is failing', async () => {
        const { servers } = await broken.view(opened.session.id);
        return servers.find(({ name, state }) => name === 'broken' && state === 'failing');
      });
      expect(JSON.stringify(view)).toContain('no such luck');
      await client.close();
    } finally {
      await broken[Symbol.asyncDispose]();
    }
  });
});
