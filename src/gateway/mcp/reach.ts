import type { Clock } from '../../core/clock.ts';
import type { ConnectionRecord } from '../../core/connection.ts';
import { AppError } from '../../core/errors.ts';
import { type HostLink, type HostLinks, HostRefused, LinkLost } from '../../core/host-link.ts';
import type { ConnectionId } from '../../core/ids.ts';
import { type GatewayMeter, type Hold, UNMEASURED } from '../../core/meter.ts';
import { backoffDelay } from '../../core/retry.ts';
import { type SessionRecord, serverOf } from '../../core/session.ts';
import type { Signals } from '../../core/signals.ts';
import { within } from '../../core/within.ts';
import { sessionOver } from '../../sessions/await-record.ts';
import type { InstanceKeys } from '../../sessions/instance-keys.ts';
import type { SessionIdentity } from '../../sessions/lifecycle.ts';
import { isOutage } from '../../sessions/outlast.ts';
import type { ReadyServer, Sessions } from '../../sessions/sessions.ts';
import { holdOutcome } from './hold-outcome.ts';
import type { Reached, ServerFacts, Target } from './target.ts';

const BACKOFF = { baseMs: 50, maxMs: 1000 };
/** `awaitReady` has the same deadline as the search, and says more: it comes first, by milliseconds. */
const LAST_WORD_MS = 1000;
/** A channel that cannot be closed within this time is left to end with its instance, milliseconds. */
const CLOSE_MS = 5000;
/** Whoever waits for longer is held, whatever the reason, milliseconds. */
const SOON_MS = 500;
/** A host remembers a connection at once, or does not, milliseconds. */
const RECALL_MS = 2000;

export interface ReachOptions {
  readonly sessions: Pick<Sessions, 'awaitReady' | 'get'>;
  readonly keys: InstanceKeys;
  readonly links: HostLinks;
  readonly signals: Signals;
  readonly clock: Clock;
  /** How long a request is held while its server is started or found again, milliseconds. */
  readonly holdMs: number;
  /** Called when a target's session is found to be gone. */
  readonly onOver?: (session: SessionIdentity) => void;
  /** Absent: nothing is measured. */
  readonly meter?: Pick<GatewayMeter, 'hold' | 'streamGap'>;
}

/** Finds the instance of a target, wherever it runs by now, and opens its channel there. */
export class Reach {
  readonly #options: ReachOptions;
  readonly #meter: Pick<GatewayMeter, 'hold' | 'streamGap'>;
  /** Who waits for the search for a target. */
  readonly #waiting = new WeakMap<Target, Waiting>();

  constructor(options: ReachOptions) {
    this.#options = options;
    this.#meter = options.meter ?? UNMEASURED;
  }

  /** One request that may have to wait. */
  hold(): Hold {
    return this.#meter.hold();
  }

  /** What somebody came back for is no longer kept. */
  gap(): void {
    this.#meter.streamGap();
  }

  /** As `to`, for a request that waits for it. */
  async held(target: Target): Promise<Reached> {
    const hold = this.hold();
    try {
      const reached = await this.to(target, hold);
      hold.end('served');
      return reached;
    } catch (error) {
      hold.end(holdOutcome(error));
      throw error;
    }
  }

  /**
   * Resolves with a link on which the target's channel is open. Calls at the same time share one search, so messages that
   * wait for it go out in the order in which they came.
   * @param hold begins if its server is not there at once, or not soon; whoever waits ends it
   * @throws AppError what `awaitReady` throws, but `store.unavailable` only when the store stays out of reach; `connection.over`;
   *   `server.failed`; `server.busy` if the host was not reached in time; HostRefused `initialize-refused`
   */
  to(target: Target, hold?: Hold): Promise<Reached> {
    const { clock, holdMs } = this.#options;
    const waiting = (target.reaching && this.#waiting.get(target)) ?? new Waiting();
    if (hold) waiting.add(hold);
    this.#waiting.set(target, waiting);
    const search = async (signal: AbortSignal) => {
      const found = new AbortController();
      const begin = () => waiting.begin();
      clock.sleep(SOON_MS, found.signal).then(begin, () => {}); // it was found sooner
      return this.#search(target, begin, signal).finally(() => found.abort());
    };
    target.reaching ??= within(clock, holdMs + LAST_WORD_MS, () => busy(target), search).finally(() => {
      target.reaching = undefined;
    });
    return target.reaching;
  }

  /**
   * Closes the target's channel, whoever opened it, if its instance runs and can be reached; it is not opened again from here.
   * @param over the client has ended it: nor is it from elsewhere, as long as this instance runs
   */
  async close(target: Target, over = false): Promise<void> {
    target.closed = true;
    const late = () => busy(target);
    await within(this.#options.clock, CLOSE_MS, late, async (signal) => {
      await target.reaching?.catch(() => {});
      const link = target.link && !target.link.lost ? target.link : await this.#runningLink(target, signal);
      await link?.close(target.connection, over);
    }).catch(() => {});
  }

  /**
   * A connection that the store has lost, as a host of its session remembers it (D7). Asks the instances that run; nobody is
   * waited for.
   * @throws AppError `server.busy` if one that may know it could not be asked
   */
  async recall(session: SessionRecord, connection: ConnectionId): Promise<ConnectionRecord | undefined> {
    const { keys, links, clock } = this.#options;
    const late = () => new LinkLost('The host does not answer');
    const notRemembered = new HostRefused('no-channel', 'Not remembered');
    const asked = Object.entries(session.servers).map(async ([server, { state }]) => {
      // It may be one that has run all along, and be found again just now (controller/rebuilt.ts).
      if (state.phase === 'starting') throw late();
      if (state.phase !== 'ready') throw notRemembered;
      const secret = keys.secretOf(session, server, state.incarnation);
      const address = { endpoint: state.instance.endpoint, secret };
      const memo = await within(clock, RECALL_MS, late, async (signal) =>
        (await links.to(address, signal)).recall(connection),
      );
      const record = JSON.parse(memo.toString()) as ConnectionRecord | null;
      if (record?.id !== connection || record.session !== session.id) throw notRemembered;
      return record;
    });
    return Promise.any(asked).catch(({ errors }: AggregateError) => {
      const says = (error: unknown) => error instanceof HostRefused && error.code !== 'retired';
      if (errors.every(says)) return undefined;
      throw new AppError('server.busy', 'A server of this session cannot be reached at the moment. Try again', {
        retryAfter: 1,
      });
    });
  }

  async #link(target: Target, onWait: () => void, signal: AbortSignal): Promise<HostLink> {
    const ready = await this.#options.sessions.awaitReady(target.session.id, target.server, signal, onWait);
    return this.#linkTo(target, ready, signal);
  }

  /** Undefined: it does not run, and is not started for this. */
  async #runningLink(target: Target, signal: AbortSignal): Promise<HostLink | undefined> {
    const record = await this.#options.sessions.get(target.session.id);
    const state = serverOf(record, target.server)?.state;
    return state?.phase === 'ready' ? this.#linkTo(target, { record, state }, signal) : undefined;
  }

  #linkTo(target: Target, { record, state }: ReadyServer, signal: AbortSignal): Promise<HostLink> {
    const { keys, links } = this.#options;
    // The terminal has another session by now, to which this connection does not belong.
    if (record.nonce !== target.session.nonce) throw sessionOver();
    const secret = keys.secretOf(record, target.server, state.incarnation);
    return links.to({ endpoint: state.instance.endpoint, secret }, signal);
  }

  async #search(target: Target, onWait: () => void, signal: AbortSignal): Promise<Reached> {
    const { signals, clock, holdMs } = this.#options;
    const deadline = clock.now() + holdMs;
    for (let failures = 1; ; failures++) {
      if (target.closed) throw closed();
      try {
        const link = await this.#link(target, onWait, signal);
        const result = await link.open(target.connection, target.initialize, target.resume, target.record);
        target.link = link;
        target.resume = true;
        target.facts = factsOf(result);
        return { link, result };
      } catch (error) {
        if (error instanceof AppError && error.code === 'session.over') this.#options.onOver?.(target.session);
        const retired = error instanceof HostRefused && error.code === 'retired';
        if (error instanceof HostRefused && error.code === 'channel-over') {
          target.closed = true;
          signals.publish(target.session.id); // its connection is looked for before it is used again
        }
        if (error instanceof HostRefused && !retired) throw refusal(target, error);
        const outage = isOutage(error);
        if (!retired && !outage && !(error instanceof LinkLost)) throw error;
        onWait();
        // The record says ready and nobody is there: the controller is to look.
        if (!outage) signals.publish(target.session.id);
        if (clock.now() >= deadline) throw outage ? error : busy(target, error);
        await clock.sleep(backoffDelay(BACKOFF, failures, Math.random()), signal);
      }
    }
  }
}

/** The requests that wait for one search: held from the moment on in which it does not find at once. */
class Waiting {
  readonly #holds: Hold[] = [];
  #begun = false;

  add(hold: Hold): void {
    if (this.#begun) hold.begin();
    else this.#holds.push(hold);
  }

  begin(): void {
    this.#begun = true;
    for (const hold of this.#holds.splice(0)) hold.begin();
  }
}

function factsOf(result: Buffer): ServerFacts {
  const { capabilities, instructions, serverInfo } = JSON.parse(result.toString()) as Partial<ServerFacts>;
  return {
    capabilities: capabilities ?? {},
    ...(instructions === undefined ? {} : { instructions }),
    ...(serverInfo === undefined ? {} : { serverInfo }),
  };
}

const busy = (target: Target, cause?: Error) =>
  new AppError('server.busy', `Server "${target.server}" cannot be reached at the moment. Try again`, {
    retryAfter: 1,
    cause,
  });

const closed = () => new AppError('connection.over', 'The connection was closed');

function refusal(target: Target, error: HostRefused): Error {
  if (error.code === 'channel-over') return closed();
  if (error.code !== 'server-failed') return error;
  const { retryAfter, ...data } = error.data;
  return new AppError('server.failed', `Server "${target.server}": ${error.message}`, {
    data: { server: target.server, ...data },
    ...(typeof retryAfter === 'number' ? { retryAfter } : {}),
  });
}
