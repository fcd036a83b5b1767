import { Exchange, type HttpRequest, type Peer } from './sim-http.ts';
import type { World } from './world.ts';

const ATTEMPTS = 4;
const AGAIN_MS = 100;

/**
 * A balancer in front of all gateways: as long as nothing of an answer has come it asks the next gateway, with the same
 * idempotency key, when a connection breaks; and sometimes although the first one is still at work.
 */
export function balance(world: World, request: HttpRequest, peer: Peer): void {
  const key = request.method === 'POST' ? { 'idempotency-key': `key-${world.nextKey()}` } : {};
  attempt(world, { ...request, headers: { ...request.headers, ...key } }, peer, 1);
}

function attempt(world: World, request: HttpRequest, peer: Peer, count: number): void {
  const { time, prng, faults } = world;
  let begun = false;
  let left = false;
  const next = () => {
    left = true;
    if (count < ATTEMPTS) time.after(AGAIN_MS * count, () => attempt(world, request, peer, count + 1));
    else {
      peer.head(502, {});
      peer.over('lost');
    }
  };
  if (count > 1) world.sendsAgain(request.body ?? '');
  const gateway = prng.pick([...world.gateways]);
  if (!gateway?.process.alive) {
    next();
    return;
  }
  world.note(`  ${request.method} to ${gateway.process.name}, attempt ${count}`);
  const exchange = new Exchange(world, gateway.process, request, {
    head: (status, headers) => {
      begun = true;
      peer.head(status, headers);
    },
    data: (text) => peer.data(text),
    over: (how) => {
      if (begun) peer.over(how);
      else if (!left) next();
    },
  });
  if (!prng.chance(faults.doubled)) return;
  // It gives up on this one, which hears of it much later.
  time.after(prng.between(1, 3000), () => {
    if (begun || left) return;
    world.reached.add('a request sent twice');
    exchange.leave(prng.between(0, 20_000));
    next();
  });
}
