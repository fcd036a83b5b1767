import type { RequestListener } from 'node:http';
import { hostname } from 'node:os';
import type { ControllerCalls } from '../core/controller-calls.ts';
import { type ApiOptions, createApi } from '../gateway/api/api.ts';
import { SessionViews } from '../gateway/api/session-views.ts';
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
  const parts = { ...given, store: new CompleteStore({ ...given, waitMs: given.config.streams.holdMs }) };
  const tokens = new Tokens(parts.deployment.key, parts.clock);
  const sessions = sessionsOf(parts);
  const cache = held.use(new SessionCache({ ...parts, tokens, holdMs: parts.config.streams.holdMs }));
  const mcp = mcpOf(parts, sessions, cache, held);
  let ending = false;
  const streams = new AbortController();
  const notReady = async () => {
    await given.store.peek(PROBE);
    return ending ? 'the manager is ending' : undefined;
  };
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

function sessionsOf(parts: Parts): Sessions {
  const { idleTtlMs, maxAgeMs, perOwner: sessionsPerOwner, workspaceRoots, start } = parts.config.sessions;
  const startQueue = parts.config.instances.queue;
  return new Sessions({
    ...parts,
    key: parts.deployment.key,
    workspaces: new Workspaces(workspaceRoots),
    limits: { sessionsPerOwner, idleTtlMs, maxAgeMs, holdMs: parts.config.streams.holdMs, startQueue, start },
  });
}

function mcpOf(parts: Parts, sessions: Sessions, cache: SessionCache, held: AsyncDisposableStack): McpEndpoint {
  const { http, streams, connections, tokenInPath } = parts.config;
  const links = held.use(new SocketLinks(parts.clock));
  const endpoint = new McpEndpoint({
    ...parts,
    sessions: cache,
    reach: new Reach({ ...parts, sessions, links, holdMs: streams.holdMs }),
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
    cleanup: (owner) => controller.cleanup(owner),
    endpoints: ENDPOINTS,
  });
}
