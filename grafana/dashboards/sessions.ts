import { OPERATIONS_COUNT } from './calls.ts';
import { board } from './kit/board.ts';
import { bars, heatmap, lines, stacked, stat } from './kit/charts.ts';
import { events, inCharge, inRange, perSecond, query } from './kit/query.ts';
import { NONE_AT_ALL } from './kit/thresholds.ts';

const first = [
  stat(100, 'Sessions now', {
    shows:
      'Sessions that are alive in the whole deployment, and the connections of MCP clients that gateways hold in their caches.',
    well: 'What is usual at this time of day.',
    otherwise:
      'A sudden fall: see Sessions begun and ended for the reason. None, with clients that work: no controller, see Servers.',
    size: [8, 5],
    unit: 'short',
    queries: [
      query(inCharge('mcp_controller_sessions', ''), 'sessions'),
      query('sum(mcp_gateway_connections)', 'connections'),
    ],
  }),
  stat(101, 'Lost in this range', {
    shows:
      'Requests of sessions that nobody ended and that are gone all the same. The first promise of this program is that there are none.',
    well: '0.',
    otherwise:
      'Anything else is a fault of ours or of the store: was Redis emptied or rolled back? See Store and balancer, and the runbook of the alert.',
    size: [4, 5],
    unit: 'short',
    decimals: 0,
    thresholds: NONE_AT_ALL,
    queries: [query(inRange('mcp_session_lost_total', ''), 'lost')],
  }),
  bars(1, 'Sessions lost', {
    shows: 'When requests came for sessions that nobody ended and that are gone.',
    well: 'Empty.',
    otherwise:
      'Compare with the starts of replicas (blue marks) and with Store and balancer at the same time; then follow the runbook of the alert.',
    size: [12, 5],
    unit: 'short',
    thresholds: NONE_AT_ALL,
    queries: [
      query(events('mcp_session_lost_total', ''), 'lost'),
      query(events('mcp_session_lookups_total', '', 'result="lost"'), 'looked up in vain'),
    ],
  }),
];

const lives = [
  bars(102, 'Sessions begun and found again', {
    shows: 'Sessions that were made, and terminals that found theirs again.',
    well: 'Follows the working day. Found again: terminals that were opened again.',
    otherwise:
      'Very many begun: a script that calls `init` again and again; see who with `mcp-session-manager sessions`.',
    size: [8, 8],
    unit: 'short',
    queries: [
      query(events('mcp_sessions_created_total', ''), 'begun'),
      query(events('mcp_sessions_resumed_total', ''), 'found again'),
    ],
  }),
  bars(103, 'Sessions ended, by reason', {
    shows:
      'Sessions that are over: by their owner, an administrator, the end of their terminal, `cleanup`, or a deadline.',
    well: 'Mostly owner and terminal; expired for those that nobody used.',
    otherwise: 'Many at once by admin or cleanup: ask who did. Many expired: MCP_IDLE_TTL may be too short.',
    size: [8, 8],
    unit: 'short',
    queries: [query(events('mcp_sessions_ended_total', 'reason'), '{{reason}}')],
  }),
  heatmap(104, 'How long sessions lived', {
    shows: 'Lifetimes of the sessions that ended, at the time of their end.',
    well: 'From minutes to a working day.',
    otherwise:
      'A dark line below a minute: terminals that end at once, or a script. Look at Sessions ended, by reason.',
    size: [8, 8],
    unit: 's',
    queries: [{ expr: events('mcp_session_lifetime_seconds_bucket', 'le'), legend: '{{le}}' }],
  }),
];

const connections = [
  bars(105, 'Connections opened, by revision', {
    shows: 'Connections of MCP clients, by the revision of the protocol that they speak.',
    well: 'The revisions of the clients in use.',
    otherwise:
      'Many from one moment on: clients that connect again and again; see Connections that failed, and Links to hosts.',
    size: [8, 8],
    unit: 'short',
    queries: [query(events('mcp_connections_opened_total', 'mcp_protocol_version'), '{{mcp_protocol_version}}')],
  }),
  bars(106, 'Connections that failed, by reason', {
    shows: 'Connections that could not be opened. Reds are our fault, oranges a server’s, blues the client’s.',
    well: 'Empty, but for a client now and then.',
    otherwise:
      'unavailable: Servers, Starts by outcome. client: an old or wrong configuration, `mcp-session-manager doctor` on its machine.',
    size: [8, 8],
    unit: 'short',
    queries: [query(`${events('mcp_connections_failed_total', 'reason')} > 0`, '{{reason}}')],
  }),
  lines(107, 'Sessions by replica', {
    shows: 'Sessions that each gateway has served lately.',
    well: 'Much alike: the balancer spreads terminals evenly.',
    otherwise:
      'One has nearly all: the others are not ready, or the balancer does not see them; see Store and balancer.',
    size: [8, 8],
    unit: 'short',
    decimals: 0,
    queries: [query('mcp_gateway_sessions', '{{instance}}')],
  }),
];

const waiting = [
  bars(2, 'Requests that waited, by outcome', {
    shows:
      'Requests that had to wait for their server to be started or found again, or for the store, by how that ended.',
    well: 'A few after starts and restarts, all served.',
    otherwise: 'timed out: servers start too slowly or not at all; see Servers, Starts by outcome and Time to start.',
    size: [8, 8],
    unit: 'short',
    queries: [query(events('mcp_gateway_held_total', 'outcome'), '{{outcome}}')],
  }),
  stacked(108, 'Requests that wait now', {
    shows: 'Requests that wait at this moment, by gateway.',
    well: 'Near 0, with short peaks.',
    otherwise: 'Grows: Servers (Queue, Circuits open, Controller in charge) or Store and balancer (Store up).',
    size: [8, 8],
    unit: 'short',
    decimals: 0,
    queries: [query('mcp_gateway_held_requests', '{{instance}}')],
  }),
  bars(109, 'Requests run once although sent twice', {
    shows: 'Requests that came again and were attached to the first one, by server.',
    well: 'Some whenever a replica ends or a network breaks: this is what the key of a request is for.',
    otherwise: 'Many all the time: gateways answer too late for the balancer; see Store and balancer, Retries.',
    size: [8, 8],
    unit: 'short',
    queries: [query(events('mcp_host_replays_total', 'server'), '{{server}}')],
  }),
];

const streams = [
  stacked(110, 'Open streams, by kind', {
    shows: 'Streams of events that are open: answers, and what clients listen to.',
    well: 'About one or two for each client that listens.',
    otherwise:
      'A cliff: a gateway or the balancer ended; clients come back within seconds. If they do not: Connections that failed.',
    size: [8, 8],
    unit: 'short',
    decimals: 0,
    queries: [query('sum by (kind) (mcp_gateway_streams)', '{{kind}}')],
  }),
  bars(3, 'Streams with a gap', {
    shows:
      'Streams that could not go on where the client had left them, since that is no longer kept; and those that went on.',
    well: 'No gaps. Resumed ones after each end of a replica.',
    otherwise:
      'Gaps: a client was away for long, or a server says more than its log keeps; see Servers, Logs of channels.',
    size: [8, 8],
    unit: 'short',
    queries: [
      query(events('mcp_gateway_stream_gaps_total', ''), 'gap'),
      query(events('mcp_gateway_streams_resumed_total', ''), 'resumed'),
    ],
  }),
  bars(111, 'Links to hosts that broke', {
    shows: 'Links from gateways to the hosts of servers that broke while in use, by gateway.',
    well: 'Only when a server’s instance dies or is restarted.',
    otherwise:
      'All gateways at once: the machine, the engine or the sockets’ directory. See Servers, Restarts and ends of servers.',
    size: [8, 8],
    unit: 'short',
    queries: [query(events('mcp_gateway_links_lost_total', 'instance'), '{{instance}}')],
  }),
];

const doors = [
  stacked(112, 'Sessions asked for, by result', {
    shows: 'Requests per second that named a session, by what was found.',
    well: 'Alive, nearly all; over now and then.',
    otherwise: 'unknown: tokens that are no tokens of ours, or somebody tries them. lost: see Sessions lost.',
    size: [8, 8],
    unit: 'reqps',
    queries: [query(perSecond('mcp_session_lookups_total', 'result'), '{{result}}')],
  }),
  lines(113, 'Found without the store', {
    shows: 'The share of sessions that a gateway finds in its own cache.',
    well: 'Above 90 % while there is work to do.',
    otherwise: 'Falls when terminals change replicas: one was replaced, or the balancer does not keep them together.',
    size: [8, 8],
    unit: 'percentunit',
    max: 1,
    queries: [
      query(
        `${perSecond('mcp_gateway_cache_total', '', 'result="hit"')} / (${perSecond('mcp_gateway_cache_total', '')} > 0)`,
        'in the cache',
      ),
    ],
  }),
  bars(4, 'Logins by outcome', {
    shows: 'Logins of people to the admin API.',
    well: 'A few, done.',
    otherwise: 'Many refused: a forgotten password, or somebody tries passwords; the audit log names addresses.',
    size: [8, 8],
    unit: 'short',
    queries: [query(events('mcp_admin_logins_total', 'outcome'), '{{outcome}}')],
  }),
  bars(114, 'Requests that failed because the session is over', {
    shows: 'Requests of sessions that have ended or expired.',
    well: 'A few: clients that were left open after their terminal.',
    otherwise: 'Many: sessions end sooner than people expect; see Sessions ended, by reason.',
    size: [24, 6],
    unit: 'short',
    queries: [query(events(OPERATIONS_COUNT, '', 'error_type="session_over"'), 'session is over')],
  }),
];

/** Sessions, their connections and streams: is anything lost, does anything wait? */
export const sessions = board({
  uid: 'mcp-sessions',
  title: 'MCP sessions: sessions and clients',
  description: 'Whether sessions live as long as they should, and how clients fare with them.',
  from: 'now-6h',
  sections: [
    { panels: first },
    { title: 'Lives of sessions', panels: lives },
    { title: 'Connections of clients', panels: connections },
    { title: 'What waits', panels: waiting },
    { title: 'Streams', panels: streams },
    { title: 'At the door', panels: doors },
  ],
});
