import { LinkLost } from '../../src/core/host-link.ts';
import { McpEndpoint } from '../../src/gateway/mcp/mcp-endpoint.ts';
import { RequestStates } from '../../src/gateway/mcp/modern/request-state.ts';
import { Reach } from '../../src/gateway/mcp/reach.ts';
import { SessionCache } from '../../src/gateway/mcp/session-cache.ts';
import { type Dial, SocketLinks } from '../../src/link/socket-links.ts';
import { CompleteStore } from '../../src/sessions/complete-store.ts';
import { InstanceKeys } from '../../src/sessions/instance-keys.ts';
import { Sealer } from '../../src/sessions/sealer.ts';
import { Sessions } from '../../src/sessions/sessions.ts';
import { Tokens } from '../../src/sessions/tokens.ts';
import { KeptLifecycle } from '../fakes/kept-lifecycle.ts';
import { CATALOGUE, KEY } from './deployment.ts';
import { askHost } from './sim-machine.ts';
import type { SimProcess } from './sim-process.ts';
import { signalsFor, storeFor } from './sim-store.ts';
import type { World } from './world.ts';

const HOLD_MS = 10_000;
const LIMITS = { sessionsPerOwner: 100, idleTtlMs: 1_800_000, maxAgeMs: 86_400_000, startQueue: 1000 };

/** A gateway as src/roles/data-plane.ts puts it together, on a simulated network. */
export class SimGateway {
  readonly process: SimProcess;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly endpoint: McpEndpoint;
  ending = false;

  constructor(world: World, process: SimProcess) {
    this.process = process;
    const { clock } = process;
    const { log } = world;
    const random = world.prng.next;
    const signals = signalsFor(world, process);
    const store = new CompleteStore({ store: storeFor(world, process), signals, clock, random, waitMs: HOLD_MS });
    const keys = new InstanceKeys(KEY);
    const start = world.prng.chance(0.3) ? ('first-use' as const) : ('init' as const);
    const workspaces = { admit: async (path: string) => path };
    this.tokens = new Tokens(KEY, clock);
    this.sessions = new Sessions({
      ...{ clock, store, signals, random, workspaces, key: KEY, catalogue: CATALOGUE, sealer: new Sealer(KEY) },
      lifecycle: new KeptLifecycle(),
      limits: { ...LIMITS, start, holdMs: HOLD_MS },
    });
    const cache = new SessionCache({ store, tokens: this.tokens, signals, clock, log, holdMs: HOLD_MS });
    const links = new SocketLinks(clock, dialFor(world, process));
    this.endpoint = new McpEndpoint({
      ...{ sessions: cache, store, clock, log },
      reach: new Reach({ sessions: this.sessions, keys, links, signals, clock, holdMs: HOLD_MS }),
      guard: { allowedHosts: ['localhost'], allowedOrigins: [] },
      streams: { retryMs: 100, streamAfterMs: 1500, heartbeatMs: 15_000 },
      ...{ bodyLimitBytes: 1 << 20, connectionsPerSession: 1000, version: '1', tokenInPath: false },
      states: new RequestStates(KEY, clock, HOLD_MS),
    });
  }
}

function dialFor(world: World, from: SimProcess): Dial {
  return async ({ endpoint, secret }, signal) => {
    try {
      const socket = await askHost(world, from, endpoint, (host) => host.link(secret, from));
      if (signal.aborted) socket.destroy();
      return [socket, Buffer.alloc(0)];
    } catch (error) {
      throw new LinkLost(`The host cannot be reached: ${error}`);
    }
  };
}
