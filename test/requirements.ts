/**
 * What we promise, as data: every promise of README, and every MUST of the specification that this program serves, as a
 * server or an intermediary. A test cites one by putting its id in brackets into its title; test/unit/requirements.test.ts
 * fails for an id that no test cites, and for a citation of an id that is not here.
 *
 * Sections are those of modelcontextprotocol/modelcontextprotocol, docs/specification/{revision}: of `basic` of 2025-11-25 where a
 * row names no revision. `README`, `architecture` and `attack cases` are ours.
 *
 * Not here: what binds only clients, or authorization servers, of which there is none (a session's token is issued here, and
 * authorization is optional: no protected resource metadata). What binds the servers behind us, of whose messages we change
 * nothing but names and envelopes: schemas and contents of tools, prompts and resources, completion, what an elicitation may
 * ask for, `x-mcp-header` (no server that we list has any), what a log message may hold. Tasks and extensions: not offered.
 */
export const REQUIREMENTS = {
  'post.accept':
    'transports, Sending Messages 2: POST whose Accept lacks application/json or text/event-stream is refused',
  'post.media-type': 'transports, Sending Messages 3: the body is one JSON-RPC message; other media types are refused',
  'post.parse': 'JSON-RPC 2.0, section 5.1: what is not JSON gets -32700, what is no message -32600',
  'post.notification':
    'transports, Sending Messages 4: a notification or response that is accepted gets 202 without a body',
  'post.json':
    'transports, Sending Messages 5: a request is answered as application/json when its answer is all there is',
  'post.sse': 'transports, Sending Messages 5, 6: else as text/event-stream, and the answer is in the stream',
  'post.priming': 'transports, Sending Messages 6: a stream begins with an event that has an id and empty data',
  'post.retry': 'transports, Sending Messages 6: a stream says with retry after what time to come back',
  'post.batch': 'transports of 2025-03-26: batches are answered; later versions have none',
  'get.accept': 'transports, Listening 2: GET whose Accept lacks text/event-stream is refused with 406',
  'get.stream': 'transports, Listening 4: the GET stream carries no answers, only requests and notifications',
  'get.one-stream': 'transports, Multiple Connections 2: each message goes to one stream only',
  'resume.exact':
    'transports, Resumability 2: Last-Event-ID replays what came after it on that stream, and of no other',
  'resume.ids': 'transports, Resumability 1: event ids are unique within the session',
  'resume.foreign': 'transports, Resumability: an event id leads nowhere but into the streams of its own connection',
  'session.id': 'transports, Session Management 1: the id is visible ASCII, unique and not guessable',
  'session.missing':
    'transports, Session Management 2: a request without Mcp-Session-Id, other than initialize, gets 400',
  'session.over': 'transports, Session Management 3, 4: after its end an id gets 404',
  'session.delete': 'transports, Session Management 5: DELETE ends the connection',
  'session.bound': 'security best practices, Session Hijacking: an id is of use only with the token of its session',
  'version.header': 'transports, Protocol Version Header: an unsupported version gets 400',
  'version.negotiate':
    'lifecycle, Version Negotiation: a version that is spoken here is answered with itself, any other with the newest',
  'origin.check': 'transports, Security Warning: a foreign Origin is refused with 403; a foreign Host too',
  'post.utf8':
    'transports, of every revision: messages are UTF-8; a body that is not is refused, and reaches no server',
  'message.id':
    'basic, Responses: an answer has the id of its request, an error too; ids are strings or integers, never null',
  'message.meta': 'basic, _meta: keys that are not ours pass unchanged, in both directions',
  'stdio.lines': 'transports, stdio: one message is one line, whatever line breaks the client wrote between its tokens',
  'bridge.stdout': 'transports, stdio: `connect` writes nothing to stdout that is not a message',
  'lifecycle.capabilities':
    "lifecycle, Initialization: the answer has version, capabilities and serverInfo; a server's are passed on as they are",
  'progress.tokens':
    'utilities/progress: progress has the token that the client chose, whatever its type, and ends with the answer',
  'cancel.late': 'utilities/cancellation, Timing Considerations: one that comes too late, or for nothing, is ignored',
  'pages.opaque':
    'server/utilities/pagination: cursors of servers are passed on, and all pages of all servers are reached',
  'auth.query': 'authorization, Access Token Usage: a token in a query string is no token',
  'methods.other': 'RFC 9110, section 15.5.6: other methods get 405 with Allow',
  'auth.required': 'authorization, Token Handling: without a valid token 401 with WWW-Authenticate',
  ping: 'utilities/ping: answered at once with an empty result',
  cancel: 'utilities/cancellation: passed on; a cancelled request gets no answer, and its stream ends',
  once: 'README: a call is run once, however often its POST is repeated with one idempotency key',
  'limits.body': 'README: a body above the limit gets 413',
  'sse.endpoint':
    '2024-11-05, basic/transports, HTTP with SSE: the stream begins with an `endpoint` event, a URI to POST to',
  'sse.message':
    '2024-11-05, basic/transports, HTTP with SSE: what the server says comes as `message` events, each JSON',
  'sse.origin': '2024-11-05, basic/transports, Security Warning: a foreign Origin is refused at both endpoints',
  'sse.lifecycle': '2024-11-05, basic/lifecycle: 2024-11-05 is answered with itself, with capabilities and serverInfo',
  'sse.utilities': '2024-11-05, basic/utilities: ping, progress and cancellation as everywhere',
  'sse.any-replica': 'architecture, D10: a POST may reach another replica than the one that holds the stream',
  'sse.adopt': 'architecture, D7: a client whose stream broke opens another, and has what it missed',
  'sse.over': 'architecture, D6: a session id that never was, is over, or is another session’s gets 404',
  'modern.endpoint': '2026-07-28, transports/streamable-http: one path for POST; GET and DELETE get 405',
  'modern.origin': '2026-07-28, transports/streamable-http, Security: a foreign Origin is refused with 403',
  'modern.body':
    '2026-07-28, transports/streamable-http, Sending Messages 4, 5: one request or notification; responses and batches get 400, a notification 202',
  'modern.content':
    '2026-07-28, transports/streamable-http, Sending Messages 6: an answer is application/json or text/event-stream',
  'modern.stream':
    '2026-07-28, transports/streamable-http, Receiving Messages: a stream has only notifications of its request, never a request, and ends with the answer',
  'modern.disconnect': '2026-07-28, patterns/cancellation: who closes the stream cancels the request',
  'modern.version-header':
    '2026-07-28, transports/streamable-http, Protocol Version Header: one that differs from the body, or is missing, gets 400 and -32020',
  'modern.headers':
    '2026-07-28, transports/streamable-http, Server Validation: Mcp-Method and Mcp-Name, in base64 too, say what the body says, else 400 and -32020',
  'modern.header-case':
    '2026-07-28, transports/streamable-http, Case Sensitivity: names of headers in any case, values as they are',
  'modern.param-headers':
    '2026-07-28, transports/streamable-http, Custom Headers: Mcp-Param headers that nobody declared are ignored',
  'modern.version': '2026-07-28, versioning: an unsupported version gets 400, -32022 and the supported ones',
  'modern.method': '2026-07-28, transports/streamable-http: an unknown or removed method gets 404 and -32601',
  'modern.meta': '2026-07-28, basic, _meta: without version or capabilities a request gets 400 and -32602',
  'modern.capability':
    '2026-07-28, basic, _meta: what needs a capability that the request does not declare gets 400, -32021 and its name',
  'modern.result-type': '2026-07-28, basic, Result Responses: every result has a resultType',
  'modern.id': '2026-07-28, basic, Responses: results and errors have the id of their request',
  'modern.codes': '2026-07-28, basic, Error Codes: -32002 of a server becomes -32602 for a resource that is not there',
  'modern.stateless':
    '2026-07-28, basic, Statelessness: each request stands alone; no session id is given or looked at, and any replica serves it',
  'modern.discover': '2026-07-28, server/discover: versions, capabilities and identity',
  'modern.lists': '2026-07-28, server/tools: lists do not depend on the requests before',
  'modern.listen.first': '2026-07-28, patterns/subscriptions, Acknowledgment: the acknowledgment comes first',
  'modern.listen.filter': '2026-07-28, patterns/subscriptions: only what was asked for, and nothing of any request',
  'modern.listen.id': '2026-07-28, patterns/subscriptions: everything in the stream has the subscription id',
  'modern.listen.end':
    '2026-07-28, patterns/subscriptions, Graceful Closure; patterns/cancellation: when the gateway ends it says so before it closes the stream',
  'modern.input':
    '2026-07-28, patterns/mrtr: questions come as input_required, with keys of their own, and the retry is answered',
  'modern.input.declared': '2026-07-28, patterns/mrtr: nothing is asked that the client has not declared',
  'modern.input.where':
    '2026-07-28, patterns/mrtr, Supported Requests: only tools/call, prompts/get and resources/read get input_required',
  'modern.state':
    '2026-07-28, patterns/mrtr: a requestState that was changed, or is of another session or request, is refused',
  'modern.cache':
    '2026-07-28, server/utilities/caching: discover, lists and resources/read say ttlMs and cacheScope, the same on all pages; interim results do not',
  'modern.log': '2026-07-28, server/utilities/logging: log messages only for a request that asks for them',
  'modern.progress': '2026-07-28, patterns/progress: with the token of the request, and none after the answer',
  'modern.extensions':
    '2026-07-28, versioning, Extension Negotiation: an extension that is not offered changes nothing',
  'wire.id': 'README: every error for a request whose body was read has its id; clients hang on others',
  'wire.streams':
    'README: every stream forbids buffering, is kept alive by comments, and says with retry when to come back',
  'wire.cut': 'README: a modern answer that cannot go on ends with an error, or with a result to come back with',
  'matrix.replica': 'README: each client goes on when its replica is killed',
  'matrix.gateway': 'README: each client goes on when its gateway is started again',
  'matrix.instance': 'README: each client is told that the outcome is unknown when the instance is killed, and goes on',
  'matrix.session': 'README: each client is told what to do when its session is ended',
  'matrix.token': 'README: each client is told what to do when its token has expired',
  'fuzz.requests': 'attack cases: any path, header and message gets an answer, and never an internal error',
  'fuzz.bodies': 'attack cases: bodies of any length, cut off, slow or garbled hold nothing up',
  'fuzz.memory': 'attack cases: what was sent is forgotten again',
  'conformance.2025-11-25': 'README: the official conformance suite passes, as a client of 2025-11-25',
  'conformance.2026-07-28': 'README: the official conformance suite passes, as a client of 2026-07-28',
  'conformance.replicas': 'README: the official conformance suite passes through replicas without stickiness',
  'survive.kill': 'README: the manager is killed and started again; the same client goes on, its running call included',
  'survive.idle': 'README: 100 idle sessions survive the same, none lost',
  'survive.emptied':
    'architecture: a store that lost everything is made again from what runs; no session is lost, no call fails',
  'scale.zero': 'architecture: an instance that nobody uses is stopped, and started again by the next call',
  'scale.race': 'architecture: a call that comes while its instance is being stopped is answered, and runs once',
  'orphans.none': 'README: no process is left behind by a terminal that ended, however it ended',
  isolation: 'README: two terminals share no server, state or port',
  'replicas.any': 'architecture, Replicas: any gateway serves any request, whichever served those before',
  'replicas.controller': 'architecture, Replicas: when the controller in charge dies another one takes over',
  'replicas.rolling':
    'architecture, Replicas: gateways are restarted one by one under load, and no client sees an error',
  'outcome.unknown': 'README: a call whose server died is answered with an error that says so, and is not repeated',
  roots: "README: a client's roots never reach a server",
  'attack.1': 'attack cases: foreign Host or Origin, odd loopback spellings, at /mcp and /api',
  'attack.2': "attack cases: another session's id is of no use on POST, GET, DELETE, in the API",
  'attack.3': "attack cases: another stream never takes a session's messages",
  'attack.4': 'attack cases: ids and tokens cannot be guessed or made',
  'attack.5': 'attack cases: equal JSON-RPC ids lead no answer to another client',
  'attack.6': 'attack cases: a missing id never falls back to a session that is there',
  'attack.7': 'attack cases: no ids in probes and errors, none of connections and no secrets in logs',
  'attack.8': 'attack cases: another token of the same session serves the same connection',
  'attack.9': 'attack cases: a known id is of no use without access, nor after its session',
  'attack.10': 'attack cases: a malformed id leads nowhere',
  'attack.11': 'attack cases: no header is trusted; no secret in arguments; files and directories are private',
  'attack.12': 'attack cases: the API lets nobody choose command, arguments or environment',
  'attack.13': 'attack cases: no Host header takes the place of a token',
  'attack.14': "attack cases: an image's labels and settings choose neither user nor command nor capabilities",
  'attack.15': 'attack cases: no URL and no claim of an issuer reaches a shell',
  'attack.16': 'attack cases: server-side request forgery, by address and by name',
  'attack.17': 'attack cases: path, query and header injection',
  'attack.18': 'attack cases: nothing is made, or kept in memory, for a stranger; sessions have a bound',
  'attack.19': 'attack cases: huge and slow bodies; regular expressions that backtrack',
  'attack.20': "attack cases: a session's token reaches no server, and one for another audience is refused",
  'attack.21': "attack cases: no event of another's stream by its id",
  'attack.22': 'attack cases: cross-site requests; escape sequences in what servers write',
  'attack.23':
    "attack cases: nothing of a workspace's configuration takes effect; the workspace stays the one admitted",
  'attack.idle': 'attack cases: who has gone keeps nothing alive',
  'attack.health': 'attack cases: health does not stay green while the store is gone',
  'attack.orphans': 'attack cases: a session that ends while its servers start leaves none',
  'logs.life': 'docs/logs.md, Events: what happens to a session is told by stable names, in the log and to its owner',
  'logs.follow':
    'docs/logs.md, One session: the log of its servers can be followed, through restarts, until it is over',
  'logs.private': 'docs/logs.md, Fields: arguments of tools are in no log',
  presence: 'docs/logs.md, Which processes there are: each says that it is there, and withdraws at its end',
  'admin.fields': 'docs/admin-api.md: the fields that scripts of operators know',
  'admin.script': 'docs/admin-api.md: the script of operators, and the one for cron, work word for word',
  'admin.health': 'docs/admin-api.md, Health: each reason is seen, and nothing is healthy that is not',
  'admin.roles': 'SECURITY.md: each role does what it may, and no more',
  'admin.audit': 'SECURITY.md: what people did and were refused is written down',
  'admin.openapi': 'docs/admin-api.md: the document has every route, and says what is answered',
  'admin.fuzz': 'docs/admin-api.md: whatever is asked is answered as the document says, never with an internal error',
  'admin.replicas': 'docs/admin-api.md: any replica knows who was let in, and logged out, by another',
  'admin.drain': 'docs/admin-api.md: a gateway can be drained',
  'admin.masked': 'SECURITY.md: the configuration is shown without secrets',
  'proxmox.monitor': 'docs/proxmox.md: a session that may only monitor changes nothing, by no tool and no path',
  'proxmox.plan':
    'docs/proxmox.md: what is destructive is planned first; a plan holds once, for what it was made for and from',
  'proxmox.person': 'docs/proxmox.md: where the client can ask a person, nothing is destroyed that none agreed to',
  'proxmox.pin':
    'docs/proxmox.md: no byte of a request goes to a host whose certificate is not the one that is trusted',
  'proxmox.audit':
    'docs/proxmox.md: each change is written down before and after, in a record that outlives its instance and only grows',
  'proxmox.once':
    'docs/proxmox.md: a change that is cut off at any point is made once, and the record says what is known of it',
  'files.tree': 'docs/files.md: who follows the changes ends with exactly the tree that is there',
  'files.cursor':
    'docs/files.md: a cursor can be replayed, over restarts too; where changes are lost the answer says so',
  'config.kept': 'SECURITY.md: versions of the configuration hold no secrets; a rollback brings back no password',
  'people.first': 'SECURITY.md: no default password; the first start makes one, and says once where it is',
  'people.token': 'SECURITY.md: only a token of its kind, key, issuer, audience and time is good',
  'people.rotation': 'docs/admin-api.md: keys are replaced without a start, and nobody is logged out',
  'people.refresh': 'SECURITY.md: a refresh token is good once; a logout ends all tokens of the login',
  'people.key-size': 'SECURITY.md: keys under 32 bytes are refused at the start',
  'people.issuer': 'SECURITY.md: of an OpenID Connect issuer only its own tokens, for us, with a role',
  'people.throttle':
    'SECURITY.md: failed logins are bounded by account and address, over all replicas, and tell no names',
  'people.input': 'SECURITY.md: no body or query changes a prototype, or is taken for more than it is',
  'people.rate': 'docs/configuration.md: an owner opens so many sessions in a minute',
  'people.url': 'SECURITY.md: a token in a URL is none, and is in no log',
  'people.log': 'SECURITY.md: nobody writes lines of their own into the log, and no secret is in it',
} as const;
