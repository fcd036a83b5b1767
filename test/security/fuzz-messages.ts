import * as fc from 'fast-check';

/** What a stranger may have learned: without it no input comes past the first checks. */
export interface Known {
  readonly token: string;
  /** Connections, by the path that each was made at. */
  readonly connections: Readonly<Record<string, string>>;
  /** Event ids that were given to these. */
  readonly events: readonly string[];
  /** Of a connection by `/sse/counting`. */
  readonly sseSession: string;
  /** A `requestState` of a call of `ask`. */
  readonly requestState: string;
}

/** All but `initialize`, of which each may start a process. */
export const METHODS = [
  'ping',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'completion/complete',
  'logging/setLevel',
  'server/discover',
  'subscriptions/listen',
  'notifications/cancelled',
  'notifications/initialized',
  'notifications/progress',
  'notifications/roots/list_changed',
];
export const MODERN = '2026-07-28';
const PREFIX = 'io.modelcontextprotocol';

export const json = fc.jsonValue({ maxDepth: 3 });
export const absent = fc.constant(undefined);
export const often = <T, U>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<U>, weight = 6): fc.Arbitrary<T | U> =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: odd });

/** JSON that can be read, but not written again. */
const deep = fc.constantFrom(5000, 15_000).map((depth) => '['.repeat(depth) + ']'.repeat(depth));
/** A message's text with something of it nested too deeply: one of its values, and so in `_meta` too. */
export const deepened = (text: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...(text.match(/":(?:"[^"\\]*"|\d+|true|false|null|\{\})(?=[,}])/g) ?? ['":'])), deep)
    .map(([value, nested]) => text.replace(value, () => `":${nested}`));

/** A text with one place changed, cut or made longer. */
export const mutated = (text: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.nat(text.length), fc.nat(8), fc.string({ maxLength: 8 }))
    .map(([at, cut, more]) => text.slice(0, at) + more + text.slice(at + cut));

export const requestId = often(fc.oneof(fc.integer(), fc.string(), fc.constantFrom(0, 1, '')), json);
const uri = often(fc.constantFrom('counter://value', 'colour://red', 'file:///etc/passwd'), fc.string());
export const tool = often(
  fc.constantFrom('echo', 'counting_echo', 'notify', 'increment', 'whoami', 'counting_ask', 'ask', 'roots', 'log'),
  fc.string(),
);

export const metaOf = (known: Known) =>
  fc.record(
    {
      [`${PREFIX}/protocolVersion`]: often(fc.constant(MODERN), json),
      [`${PREFIX}/clientCapabilities`]: often(fc.constantFrom({}, { elicitation: {} }, { sampling: {} }), json),
      [`${PREFIX}/clientInfo`]: often(fc.constant({ name: 'fuzz', version: '1' }), json, 30),
      [`${PREFIX}/logLevel`]: fc.oneof(fc.constantFrom('debug', 'error'), json),
      progressToken: often(fc.oneof(fc.integer(), fc.string()), json),
      [known.token.slice(0, 8)]: json,
    },
    { requiredKeys: [`${PREFIX}/protocolVersion`, `${PREFIX}/clientCapabilities`, `${PREFIX}/clientInfo`] },
  );

export const paramsOf = (known: Known, meta: fc.Arbitrary<unknown>) =>
  often(
    fc.record(
      {
        name: tool,
        uri,
        arguments: often(fc.record({ text: fc.string(), n: fc.integer({ max: 20 }) }), json),
        cursor: json,
        level: fc.constantFrom('debug', 'info', 'loud'),
        ref: json,
        argument: json,
        requestId,
        requestState: fc.oneof(mutated(known.requestState), fc.constant(known.requestState), json),
        inputResponses: json,
        notifications: often(
          fc.record({ toolsListChanged: fc.boolean(), resourceSubscriptions: fc.array(uri, { maxLength: 3 }) }),
          json,
        ),
        progressToken: requestId,
        _meta: meta,
      },
      { requiredKeys: ['name', 'arguments', '_meta'] },
    ),
    json,
  );

/** Parameters of `initialize`. */
export const greeting = fc.record(
  {
    protocolVersion: often(fc.constantFrom('2025-11-25', '2024-11-05', '1999-01-01'), json),
    capabilities: often(fc.constantFrom({}, { roots: {} }, { sampling: {}, elicitation: {} }), json),
    clientInfo: often(fc.constant({ name: 'fuzz', version: '1' }), json),
    _meta: json,
  },
  { requiredKeys: ['protocolVersion'] },
);

export const messageOf = (params: fc.Arbitrary<unknown>) =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record(
        {
          jsonrpc: often(fc.constant('2.0'), json, 20),
          id: requestId,
          method: often(fc.constantFrom(...METHODS), fc.oneof(fc.string(), json)),
          params,
          result: fc.oneof({ weight: 9, arbitrary: absent }, { weight: 1, arbitrary: json }),
        },
        { requiredKeys: ['jsonrpc', 'method', 'params'] },
      ),
    },
    { weight: 1, arbitrary: fc.record({ jsonrpc: fc.constant('2.0'), id: requestId, result: json }) },
    { weight: 1, arbitrary: fc.record({ jsonrpc: fc.constant('2.0'), id: requestId, error: json }) },
  );

/** Bodies: messages, batches, texts that are almost JSON, bytes that are no text. */
export function bodyOf(message: fc.Arbitrary<unknown>): fc.Arbitrary<Buffer> {
  const text = message.map((value) => JSON.stringify(value));
  return fc.oneof(
    { weight: 12, arbitrary: text.map((all) => Buffer.from(all)) },
    { weight: 1, arbitrary: fc.array(message, { maxLength: 4 }).map((all) => Buffer.from(JSON.stringify(all))) },
    { weight: 2, arbitrary: text.chain(mutated).map((all) => Buffer.from(all)) },
    { weight: 1, arbitrary: text.chain(deepened).map((all) => Buffer.from(all)) },
    { weight: 1, arbitrary: text.map((all) => Buffer.from(all, 'utf16le')) },
    { weight: 1, arbitrary: text.map((all) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(all)])) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('[', '{"a":', '"', '9', '\\u0000', ' '), fc.integer({ min: 1, max: 100_000 }))
        .map(([part, times]) => Buffer.from(part.repeat(times))),
    },
  );
}
