import type { LookupAddress } from 'node:dns';
import { lookup as resolve } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { Authority, EgressReason } from '../core/egress.ts';
import { messageOf } from '../core/errors.ts';
import { within } from '../core/within.ts';
import type { AddressGuard } from './address-guard.ts';

/** How long name and connection may take together, milliseconds: less than what an instance waits for it. */
const DIAL_MS = 8000;
const KEEP_ALIVE_MS = 60_000;

/** The proxy does not connect; `reason` is what the instance is told and what is counted. */
export class EgressRefused extends Error {
  override readonly name = 'EgressRefused';
  readonly reason: EgressReason;
  constructor(reason: EgressReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

export interface DialerOptions {
  readonly guard: AddressGuard;
  readonly clock: Clock;
  /** All addresses of a name, as the system's resolver gives them; rejects if there are none. */
  readonly lookup?: (host: string) => Promise<LookupAddress[]>;
}

/** Makes the proxy's connections: a name is resolved once, and the addresses that were looked at are those connected to. */
export class Dialer {
  readonly #guard: AddressGuard;
  readonly #clock: Clock;
  readonly #lookup: (host: string) => Promise<LookupAddress[]>;

  constructor({ guard, clock, lookup }: DialerOptions) {
    this.#guard = guard;
    this.#clock = clock;
    this.#lookup = lookup ?? ((host) => resolve(host, { all: true }));
  }

  /**
   * A connection that may be half-closed. A rejection leaves nothing open.
   * @throws EgressRefused `address`, `dns`, `refused`, `unreachable`, `timeout`; the signal's reason when it aborts
   */
  dial(to: Authority, signal: AbortSignal): Promise<Socket> {
    const late = () => new EgressRefused('timeout', `${to.text} did not accept the connection in time`);
    return within(this.#clock, DIAL_MS, late, (limit) => this.#dial(to, limit), signal);
  }

  async #dial(to: Authority, signal: AbortSignal): Promise<Socket> {
    const addresses = await this.#addressesOf(to);
    signal.throwIfAborted();
    const socket = connect({
      host: to.host,
      port: to.port,
      // Of several addresses the next is tried when one does not answer (RFC 8305).
      lookup: (_host, _options, done) => done(null, addresses),
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    try {
      await once(socket, 'connect', { signal });
      return socket;
    } catch (cause) {
      socket.destroy();
      signal.throwIfAborted();
      throw new EgressRefused(reasonOf(cause), `${to.text} cannot be reached: ${messageOf(cause)}`, cause);
    }
  }

  async #addressesOf({ host, text }: Authority): Promise<LookupAddress[]> {
    const family = isIP(host);
    const found = family > 0 ? [{ address: host, family }] : await this.#resolve(host);
    const admitted = found.filter(({ address }) => this.#guard.admits(address));
    if (admitted.length > 0) return admitted;
    throw new EgressRefused('address', `${text} has no address that an instance may be connected to`);
  }

  async #resolve(host: string): Promise<LookupAddress[]> {
    try {
      return await this.#lookup(host);
    } catch (cause) {
      throw new EgressRefused('dns', `${host} is not known here`, cause);
    }
  }
}

function reasonOf(error: unknown): EgressReason {
  const { code } = error as { code?: unknown };
  if (code === 'ECONNREFUSED') return 'refused';
  return code === 'ETIMEDOUT' ? 'timeout' : 'unreachable';
}
