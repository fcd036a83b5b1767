import type { RequestListener } from 'node:http';
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
import type { Parts } from './parts.ts';

/** The one owner of a manager without accounts: whoever may read the state directory. */
const OWNER = 'owner';
/** A client may take so much of the time for an answer that a host waits for it: who comes later finds the call given up. */
const STATE_PART = 0.9;
/** How long an instance may take to say how it is, milliseconds. */
const STATUS_MS = 1000;
/** An id that no session has: looking for it tells whether the store answers. */
const PROBE = 'probe-aaaaaaaaaaaaaaaa';

/** What answers requests. */
export interface DataPlane {
  readonly listener: RequestListener;
  /** From now on `/readyz` says that no new work should come here, and connections end with their next answer. */
  refuse(): void;
  /** Ends open streams: their clients come back to whoever serves then. */
  endStreams(): void;
  /** Tells those who still wait for an answer that they are about to be cut off. */
  cutStreams(): void;
}

/**
 * The gateway: MCP, and the session API.
 * @param held gets what has to be disposed of
 */
export function dataPlane(given: Parts, controller: ControllerCalls, held: AsyncDisposableStack): DataPlane {
  const parts = { ...given, store: new CompleteStore({ ...given, waitMs: given.config.streams.holdMs }) };
  const tokens = new Tokens(parts.deployment.key, parts.clock);
  const sessions = sessionsOf(parts);
  const mcp = mcpOf(parts, sessions, tokens, held);
  let ending = false;
  const notReady = async () => {
    await given.store.peek(PROBE);
    return ending ? 'the manager is ending' : undefined;
  };
  const api = apiOf(parts, controller, { sessions, tokens, notReady });
  return {
    // MCP first, and without express: it is the path of every call.
    listener: (req, res) => {
      if (ending) res.setHeader('Connection', 'close'); // the next request goes elsewhere
      void (mcp.handle(req, res) || api(req, res));
    },
    refuse: () => {
      ending = true;
    },
    endStreams: () => mcp.endStreams(),
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

function mcpOf(parts: Parts, sessions: Sessions, tokens: Tokens, held: AsyncDisposableStack): McpEndpoint {
  const { http, streams, connections, tokenInPath } = parts.config;
  const links = held.use(new SocketLinks(parts.clock));
  const cache = held.use(new SessionCache({ ...parts, tokens, holdMs: streams.holdMs }));
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
  use: Pick<ApiOptions, 'sessions' | 'tokens' | 'notReady'>,
): RequestListener {
  return createApi({
    ...parts,
    ...use,
    views: new SessionViews({ ...parts, statusMs: STATUS_MS }),
    owner: { name: OWNER, credential: parts.deployment.credential },
    guard: parts.config.http,
    cleanup: (owner) => controller.cleanup(owner),
    endpoints: { mcp: '/mcp', server: '/mcp/{server}', sse: '/sse', messages: '/messages/', api: '/api' },
  });
}
