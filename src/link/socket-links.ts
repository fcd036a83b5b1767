import { type ClientRequest, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { CHANNEL_PROTOCOL } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { type HostAddress, type HostLink, type HostLinks, LinkLost } from '../core/host-link.ts';
import { type GatewayMeter, UNMEASURED } from '../core/meter.ts';
import { within } from '../core/within.ts';
import { addressOptions, endpointKey } from './endpoint.ts';
import { SocketLink } from './socket-link.ts';

/** A host accepts at once or is not there. */
const CONNECT_MS = 2000;

/** Makes a connection to a host that has agreed to the channel protocol; with what it has said already. @throws LinkLost */
export type Dial = (address: HostAddress, signal: AbortSignal) => Promise<[Duplex, Buffer]>;

/** The links of one gateway: one to each host that it has to do with. */
export class SocketLinks implements HostLinks {
  readonly #links = new Map<string, Promise<SocketLink>>();
  readonly #clock: Clock;
  readonly #dial: Dial;
  readonly #meter: Pick<GatewayMeter, 'linkUp' | 'linkDown'>;

  constructor(clock: Clock, dial: Dial = upgrade, meter: Pick<GatewayMeter, 'linkUp' | 'linkDown'> = UNMEASURED) {
    this.#clock = clock;
    this.#dial = dial;
    this.#meter = meter;
  }

  async to(address: HostAddress, signal: AbortSignal): Promise<HostLink> {
    const key = endpointKey(address.endpoint);
    const known = this.#links.get(key);
    if (known) {
      const link = await known.catch(() => undefined);
      if (link && !link.lost) return link;
      if (this.#links.get(key) === known) this.#links.delete(key);
    }
    signal.throwIfAborted();
    return this.#links.get(key) ?? this.#begin(key, address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const links = [...this.#links.values()];
    this.#links.clear();
    for (const link of links) (await link.catch(() => undefined))?.destroy();
  }

  /** A link that is lost, or was never made, is forgotten: hosts come and go. */
  #begin(key: string, address: HostAddress): Promise<SocketLink> {
    const forget = () => {
      if (this.#links.get(key) === connecting) this.#links.delete(key);
    };
    const connecting = this.#connect(address, forget);
    this.#links.set(key, connecting);
    connecting.catch(forget);
    return connecting;
  }

  async #connect(address: HostAddress, onClose: () => void): Promise<SocketLink> {
    const late = () => new LinkLost(`The host did not answer within ${CONNECT_MS} ms`);
    return within(this.#clock, CONNECT_MS, late, async (signal) => {
      const [socket, head] = await this.#dial(address, signal);
      socket.once('close', onClose);
      signal.addEventListener('abort', () => socket.destroy(), { once: true }); // the request is done with: it would not
      return SocketLink.over(socket, head, this.#meter);
    });
  }
}

function upgrade({ endpoint, secret }: HostAddress, signal: AbortSignal): Promise<[Duplex, Buffer]> {
  const headers = { connection: 'Upgrade', upgrade: CHANNEL_PROTOCOL, authorization: `Bearer ${secret}` };
  return upgraded(request({ ...addressOptions(endpoint, secret), path: '/link', headers, signal }));
}

function upgraded(req: ClientRequest): Promise<[Duplex, Buffer]> {
  return new Promise((resolve, reject) => {
    req.once('upgrade', (_res, socket, head) => resolve([socket, head]));
    req.once('response', (res) => {
      res.resume();
      reject(new LinkLost(`The host refused the link (HTTP ${res.statusCode})`));
    });
    req.once('error', (cause) => reject(new LinkLost(`The host cannot be reached: ${messageOf(cause)}`, { cause })));
    req.end();
  });
}
