import { Router } from 'express';
import { messageOf } from '../../core/errors.ts';

export interface PublicHealth {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  readonly reasons: readonly { readonly code: string; readonly text: string }[];
}

export interface ProbeOptions {
  readonly version: string;
  /** What is served here: name -> path. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** How the whole deployment is, in words for everybody. */
  readonly health: () => Promise<PublicHealth>;
  /** Name of this machine. */
  readonly machine: string;
  /** Why no new work should come here (draining, store out of reach); undefined: it may. May reject with the reason. */
  readonly notReady: () => Promise<string | undefined>;
}

/** `GET /health`, for people and CLIs, 503 if nothing can be served; `/livez` and `/readyz`, for whoever restarts and balances. All public. */
export function probes({ version, endpoints, machine, health, notReady }: ProbeOptions): Router {
  const router = Router();
  const reasonNow = () => notReady().catch(messageOf);
  router.get('/health', async (request, response) => {
    const { status, reasons } = await health();
    response.status(status === 'unhealthy' ? 503 : 200).json({
      status,
      server: 'mcp-session-manager',
      version,
      machine_id: machine,
      endpoints,
      ssl_enabled: request.secure,
      reasons: reasons.map(({ code, text }) => ({ code, text })),
    });
  });
  router.get('/livez', (_request, response) => {
    response.json({ status: 'ok' });
  });
  router.get('/readyz', async (_request, response) => {
    const reason = await reasonNow();
    if (reason === undefined) response.json({ status: 'ready' });
    else response.status(503).json({ status: 'not-ready', reason });
  });
  return router;
}
