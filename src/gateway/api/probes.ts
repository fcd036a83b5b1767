import { Router } from 'express';
import { messageOf } from '../../core/errors.ts';

export interface ProbeOptions {
  readonly version: string;
  /** What is served here: name -> path. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** Why no new work should come here (draining, store out of reach); undefined: it may. May reject with the reason. */
  readonly notReady: () => Promise<string | undefined>;
}

/** `GET /health`, for people and CLIs; `/livez` and `/readyz`, for whoever restarts and balances. All public. */
export function probes({ version, endpoints, notReady }: ProbeOptions): Router {
  const router = Router();
  const reasonNow = () => notReady().catch(messageOf);
  router.get('/health', async (_request, response) => {
    const reason = await reasonNow();
    const status = reason === undefined ? { status: 'ok' } : { status: 'degraded', reason };
    response.json({ ...status, server: 'mcp-session-manager', version, endpoints });
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
