import type { RequestListener } from 'node:http';
import { hostname } from 'node:os';
import type { ControllerCalls } from '../core/controller-calls.ts';
import { type ApiOptions, createApi } from '../gateway/api/api.ts';
import { SessionViews } from '../gateway/api/session-views.ts';
import { LostSessions } from '../gateway/mcp/lost-sessions.ts';
import { McpEndpoint } from '../gateway/mcp/mcp-endpoint.ts';
import { RequestStates } from '../gateway/mcp/modern/request-state.ts';
import { Reach } from '../gateway/mcp/reach.ts';
import { SessionCache } from '../gateway/mcp/session-cache.ts';
import { SocketLinks } from '../link/socket-links.ts';
import { CompleteStore } from '../sessions/complete-store.ts';
import { Sessions } from '../sessions/sessions.ts';
import { Tokens } from '../sessions/tokens.ts';
import { Workspaces } from '../sessions/workspaces.ts';
import { type AdminPlane, adminPlane } from './admin-plane.ts';
import type { Parts } from './parts.ts';
import type { Condition } from './presence.ts';

/** The one owner of a manager without accounts: whoever may read the state directory. */
const OWNER = 'owner';
/** A client may take so much of the time for an answer that a host waits for it: who comes later finds the call given up. */
const STATE_PART = 0.9;
/** How long an instance may take to say how it is, milliseconds. */
const STATUS_MS = 1000;
/** Where clients are served: name -> path. */
const ENDPOINTS = {
  mcp: '/mcp',
  server: '/mcp/{server}',
  sse: '/sse',
  messages: '/messages/',
  api: '/api',
  admin: '/admin/api',
};
/** An id that no session has: looking for it tells whether the store answers. */
const PROBE = 'probe-aaaaaaaaaaaaaaaa';

/** What answers requests. */
export interface DataPlane {
  readonly listener: RequestListener;
  /** How much it has to do, and whether it ends. */
  condition(): Pick<Condition, 'draining' | 'sessions' | 'connections'>;
  /** From now on `/readyz` says that no new work should come here, and connections end with their next answer. */
  refuse(): void;
  /** Ends open streams: their clients come back to whoever serves then. */
  endStreams(): void;
  /** Tells those who still wait for an answer that they are about to be cut off. */
  cutStreams(): void;
}

/**
 * The gateway: MCP, the session API, and the admin API.
 * @throws AppError `config.invalid`
 * @param held gets what has to be disposed of
 */
export function dataPlane(given: Parts, controller: ControllerCalls, held: AsyncDisposableStack): DataPlane {
  const waitMs = given.config.streams.holdMs;
  const parts = { ...given, store: new CompleteStore({ ...given, waitMs, meter: given.sessionMeter }) };
  const tokens = new Tokens(parts.deployment.key, parts.clock);
  const sessions = sessionsOf(parts);
  const cache = held.use(cacheOf(parts, tokens));
  const mcp = mcpOf(parts, sessions, cache, held);
  let ending = false;
  const streams = new AbortController();
  const notReady = async () => {
    await given.store.peek(PROBE);
    return ending ? 'the manager is ending' : undefined;
  };
  showCondition(parts, () => ({ ending, ...cache.counts }), notReady);
  const views = new SessionViews({ ...parts, statusMs: STATUS_MS });
  const admin = adminPlane(parts, {
    rawStore: given.store,
    controller,
    sessions,
    view: (record) => views.of(record),
    mcp: ENDPOINTS,
    here: () => ({ draining: ending, sessions: cache.counts.sessions }),
  });
  const api = apiOf(parts, controller, admin, { sessions, tokens, views, notReady, ending: streams.signal });
  parts.log.info({ endpoints: ENDPOINTS }, 'Session management endpoints registered');
  return {
    // MCP first, and without express: it is the path of every call.
    listener: (req, res) => {
      if (ending) res.setHeader('Connection', 'close'); // the next request goes elsewhere
      void (mcp.handle(req, res) || api(req, res));
    },
    condition: () => ({ draining: ending, ...cache.counts }),
    refuse: () => {
      ending = true;
    },
    endStreams: () => {
      streams.abort();
      mcp.endStreams();
    },
    cutStreams: () => mcp.cutStreams(),
  };
}

function cacheOf(parts: Parts, tokens: Tokens): SessionCache {
  const lost = new LostSessions(parts);
  return new SessionCache({
    ...parts,
    tokens,
    holdMs: parts.config.streams.holdMs,
    lost,
    meter: parts.gatewayMeter,
  });
}

/** What is known without being counted, as it is when it is shown. That it asks whether it is ready asks the store, too. */
function showCondition(
  { metrics }: Parts,
  condition: () => { readonly ending: boolean; readonly sessions: number; readonly connections: number },
  notReady: () => Promise<string | undefined>,
): void {
  const ready = metrics.gauge('mcp_gateway_ready');
  const draining = metrics.gauge('mcp_gateway_draining');
  const sessions = metrics.gauge('mcp_gateway_sessions');
  const connections = metrics.gauge('mcp_gateway_connections');
  metrics.beforeShowing(async () => {
    const now = condition();
    sessions.set(now.sessions);
    connections.set(now.connections);
    draining.set(now.ending ? 1 : 0);
    const isReady = await notReady().then(
      (why) => why === undefined,
      () => false,
    );
    ready.set(isReady ? 1 : 0);
  });
}

function sessionsOf(parts: Parts): Sessions {
  const { idleTtlMs, maxAgeMs, perOwner: sessionsPerOwner, workspaceRoots, start } = parts.config.sessions;
  const startQueue = parts.config.instances.queue;
  return new Sessions({
    ...parts,
    meter: parts.sessionMeter,
    key: parts.deployment.key,
    workspaces: new Workspaces(workspaceRoots),
    limits: { sessionsPerOwner, idleTtlMs, maxAgeMs, holdMs: parts.config.streams.holdMs, startQueue, start },
  });
}

function mcpOf(parts: Parts, sessions: Sessions, cache: SessionCache, held: AsyncDisposableStack): McpEndpoint {
  const { http, streams, connections, tokenInPath } = parts.config;
  const meter = parts.gatewayMeter;
  const links = held.use(new SocketLinks(parts.clock, undefined, meter));
  const endpoint = new McpEndpoint({
    ...parts,
    sessions: cache,
    meter,
    reach: new Reach({
      ...parts,
      sessions,
      links,
      holdMs: streams.holdMs,
      onOver: (session) => void cache.missed(session),
      meter,
    }),
    guard: http,
    streams,
    bodyLimitBytes: http.bodyLimitBytes,
    connectionsPerSession: connections.perSession,
    tokenInPath,
    states: new RequestStates(parts.deployment.key, parts.clock, STATE_PART * parts.config.hostLimits.parkedMs),
  });
  return held.use(endpoint);
}

function apiOf(
  parts: Parts,
  controller: ControllerCalls,
  admin: AdminPlane,
  use: Pick<ApiOptions, 'sessions' | 'tokens' | 'views' | 'notReady' | 'ending'>,
): RequestListener {
  return createApi({
    ...parts,
    ...admin,
    ...use,
    health: () => admin.health.lately(),
    machine: hostname(),
    sessionsPerMinute: parts.config.sessions.perMinute,
    trustedProxies: parts.config.http.trustedProxies,
    owner: { name: OWNER, credential: parts.deployment.credential },
    guard: parts.config.http,
    controller,
    endpoints: ENDPOINTS,
  });
}
