import type { RequestListener } from 'node:http';
import { messageOf } from '../core/errors.ts';
import type { SessionStore } from '../core/store.ts';

/** How a controller is. */
export interface ControllerHealth {
  /** Of its lease; undefined: it waits for one. */
  epoch: number | undefined;
  ending: boolean;
  /** What keeps it from its work, for people. */
  trouble: () => string | undefined;
}

/**
 * `GET /livez`: it runs. `GET /readyz`: it works, or would if it got the lease: `{ status, epoch? }`, the epoch of the one
 * in charge; 503 if not. Nothing else.
 */
export function controllerProbes(store: Pick<SessionStore, 'generation'>, health: ControllerHealth): RequestListener {
  const reason = async () => {
    if (health.ending) return 'the controller is ending';
    await store.generation();
    return undefined;
  };
  return (request, response) => {
    const say = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.method !== 'GET') say(405, { status: 'use GET' });
    else if (request.url === '/livez') say(200, { status: 'ok' });
    else if (request.url === '/readyz')
      void reason()
        .catch(messageOf)
        .then((why) => (why ? say(503, { status: 'not-ready', reason: why }) : say(200, ready(health))));
    else say(404, { status: 'nothing here' });
  };
}

const ready = ({ epoch }: ControllerHealth) => ({ status: 'ready', ...(epoch === undefined ? {} : { epoch }) });
