import * as fc from 'fast-check';
import {
  absent,
  bodyOf,
  deepened,
  greeting,
  json,
  type Known,
  METHODS,
  MODERN,
  messageOf,
  metaOf,
  mutated,
  often,
  paramsOf,
  requestId,
  tool,
} from './fuzz-messages.ts';

export interface Input {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const REVISIONS = ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'];

/** A header's value, now and then with bytes that none may have; no line breaks: what came after would be another header. */
const headerText = fc
  .array(
    fc.oneof(
      { weight: 60, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
      { weight: 20, arbitrary: fc.integer({ min: 0x80, max: 0xff }) },
      { weight: 1, arbitrary: fc.constantFrom(0, 9, 11, 27, 127) },
    ),
    { maxLength: 60 },
  )
  .map((codes) => String.fromCharCode(...codes));

const pathOf = (known: Known) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('/mcp', '/mcp/counting', `/t/${known.token}/mcp`) },
    { weight: 2, arbitrary: fc.constantFrom('/sse', '/sse/counting', `/t/${known.token}/sse`) },
    {
      weight: 2,
      arbitrary: fc
        .oneof(fc.constant(known.sseSession), mutated(known.sseSession))
        .chain((id) =>
          fc.constantFrom(
            `/messages/?session_id=${encodeURIComponent(id)}`,
            `/messages?sessionId=${encodeURIComponent(id)}`,
          ),
        ),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 30 }).map((text) => `/mcp/${encodeURIComponent(text)}`) },
    { weight: 1, arbitrary: fc.string({ maxLength: 30 }).map((text) => `/t/${encodeURIComponent(text)}/mcp`) },
    { weight: 1, arbitrary: fc.webPath().map((path) => `/${path}`) },
  );

const connectionOf = ({ connections }: Known) => {
  const ids = Object.values(connections);
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...ids) },
    { weight: 1, arbitrary: mutated(ids[0] as string).map((id) => encodeURI(id)) },
    { weight: 1, arbitrary: headerText },
    { weight: 1, arbitrary: absent },
  );
};

const eventIdOf = (known: Known) =>
  fc.oneof(
    fc.constantFrom(...known.events),
    fc.constantFrom(...known.events).chain((id) => mutated(id).map((text) => encodeURI(text))),
    fc
      .tuple(fc.constantFrom('counting', 'nowhere', ''), fc.string(), fc.integer({ min: -2 }), json)
      .map(([server, stream, offset, request]) =>
        [server, encodeURIComponent(stream), offset, Buffer.from(JSON.stringify(request)).toString('base64url')].join(
          '.',
        ),
      ),
    fc
      .array(fc.tuple(fc.constantFrom('counting', 'x'), fc.nat()), { maxLength: 4 })
      .map((all) => `*${all.map((one) => one.join(':')).join(',')}`),
    headerText,
  );

const usualHeaders = ({ token }: Known) => ({
  host: '127.0.0.1',
  authorization: `Bearer ${token}`,
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
  'mcp-protocol-version': '2025-11-25',
});

/** Headers: those that a good client sends, each of them sometimes odd or missing. */
function headersOf(known: Known, method: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, string>> {
  const usual = (value: string, weight = 12) =>
    fc.oneof(
      { weight, arbitrary: fc.constant(value) },
      { weight: 1, arbitrary: headerText },
      { weight: 1, arbitrary: absent },
    );
  return fc
    .record({
      host: usual('127.0.0.1', 60),
      authorization: usual(`Bearer ${known.token}`, 40),
      accept: usual('application/json, text/event-stream', 20),
      'content-type': usual('application/json', 20),
      'mcp-protocol-version': fc.oneof(
        { weight: 6, arbitrary: fc.constant('2025-11-25') },
        { weight: 4, arbitrary: fc.constantFrom(...REVISIONS) },
        { weight: 1, arbitrary: fc.oneof(headerText, absent) },
      ),
      'mcp-session-id': connectionOf(known),
      'last-event-id': fc.oneof({ weight: 5, arbitrary: absent }, { weight: 1, arbitrary: eventIdOf(known) }),
      'idempotency-key': fc.oneof({ weight: 5, arbitrary: absent }, { weight: 1, arbitrary: headerText }),
      origin: fc.oneof({ weight: 20, arbitrary: absent }, { weight: 1, arbitrary: headerText }),
      'mcp-method': fc.oneof(absent, method.map(String).map(ascii), headerText),
      'mcp-name': fc.oneof(
        absent,
        tool.map(ascii),
        headerText,
        tool.map((name) => `=?base64?${Buffer.from(name).toString('base64')}?=`),
      ),
      'x-forwarded-for': fc.oneof({ weight: 20, arbitrary: absent }, { weight: 1, arbitrary: headerText }),
    })
    .map((all) =>
      Object.fromEntries(Object.entries(all).filter((one): one is [string, string] => one[1] !== undefined)),
    );
}

const ascii = (text: string) => text.replace(/[^\x20-\x7e]/g, '?');

/** Any request at all. */
export function anyInput(known: Known): fc.Arbitrary<Input> {
  const message = messageOf(paramsOf(known, fc.oneof(metaOf(known), json)));
  const input = fc.record({
    method: often(fc.constant('POST'), fc.constantFrom('GET', 'DELETE', 'PUT', 'OPTIONS', 'HEAD')),
    path: pathOf(known),
    headers: headersOf(known, fc.constantFrom(...METHODS)),
    body: bodyOf(message),
  });
  // A connection that is ended would leave the inputs after it nothing to reach.
  return input.filter(
    ({ method, headers }) =>
      method !== 'DELETE' || !Object.values(known.connections).includes(headers['mcp-session-id'] ?? ''),
  );
}

/** What a good client's transport sends for a client that may say anything. */
export function anyMessage(known: Known): fc.Arbitrary<Input> {
  const meta = fc.oneof(absent, fc.record({ progressToken: requestId }), json);
  return fc
    .record({
      connection: fc.constantFrom(...Object.entries(known.connections)),
      body: bodyOf(messageOf(paramsOf(known, meta))),
    })
    .map(({ connection: [path, id], body }) => ({
      method: 'POST',
      path,
      headers: { ...usualHeaders(known), 'mcp-session-id': id },
      body,
    }));
}

/** The beginning of a connection to a server that costs no process, by a client that says anything of itself. */
export function anyGreeting(known: Known): fc.Arbitrary<Input> {
  const params = often(greeting, json);
  return fc.record({ id: requestId, params }).map(({ id, params: said }) => ({
    method: 'POST',
    path: '/mcp/quiet',
    headers: usualHeaders(known),
    body: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method: 'initialize', params: said })),
  }));
}

/** A request for a stream, with some place to go on from. */
export function anyResumption(known: Known): fc.Arbitrary<Input> {
  const connection = fc.oneof(
    fc.constantFrom(...Object.entries(known.connections)),
    fc.tuple(fc.constantFrom('/sse', '/sse/counting'), fc.constant('')),
  );
  return fc.record({ connection, last: eventIdOf(known) }).map(({ connection: [path, id], last }) => ({
    method: 'GET',
    path,
    headers: { ...usualHeaders(known), 'mcp-session-id': id, 'last-event-id': last },
    body: Buffer.alloc(0),
  }));
}

/** A request of a modern client whose headers say what its body says, but for at most one thing. */
export function anyModern(known: Known): fc.Arbitrary<Input> {
  const params = paramsOf(known, metaOf(known));
  return fc
    .record({
      method: fc.constantFrom(...METHODS),
      id: requestId,
      params,
      odd: fc.option(headersOf(known, fc.string())),
    })
    .chain(({ method, id, params: body, odd }) => {
      const name = ((value: unknown) => (typeof value === 'string' ? value : ''))(
        (body as { name?: unknown; uri?: unknown } | null)?.[method === 'resources/read' ? 'uri' : 'name'],
      );
      const good: Record<string, string> = {
        ...usualHeaders(known),
        'mcp-protocol-version': MODERN,
        'mcp-method': method,
        'mcp-name': /^[\x21-\x7e]*$/.test(name) ? name : `=?base64?${Buffer.from(name).toString('base64')}?=`,
      };
      const text = JSON.stringify({ jsonrpc: '2.0', id, method, params: body });
      const key = fc.constantFrom(...Object.keys(good));
      return fc.record({
        method: fc.constant('POST'),
        path: fc.constantFrom('/mcp', '/mcp/counting', `/t/${known.token}/mcp`),
        headers: key.map((changed) => (odd?.[changed] === undefined ? good : { ...good, [changed]: odd[changed] })),
        body: often(fc.constant(text), deepened(text)).map((all) => Buffer.from(all)),
      });
    });
}
