/**
 * What we promise, as data: every promise of README, and every MUST of the specification that this program serves, as a
 * server or an intermediary. A test cites one by putting its id in brackets into its title; test/unit/requirements.test.ts
 * fails for an id that no test cites, and for a citation of an id that is not here.
 *
 * Sections are those of the specification of 2025-11-25, in modelcontextprotocol/modelcontextprotocol,
 * docs/specification/2025-11-25/basic; `README` is ours.
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
  'methods.other': 'RFC 9110, section 15.5.6: other methods get 405 with Allow',
  'auth.required': 'authorization, Token Handling: without a valid token 401 with WWW-Authenticate',
  ping: 'utilities/ping: answered at once with an empty result',
  cancel: 'utilities/cancellation: passed on; a cancelled request gets no answer, and its stream ends',
  once: 'README: a call is run once, however often its POST is repeated with one idempotency key',
  'limits.body': 'README: a body above the limit gets 413',
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
} as const;
