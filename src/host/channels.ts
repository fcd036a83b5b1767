import { type HostLimits, STANDALONE } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import { connectionLabel, isConnectionId } from '../core/ids.ts';
import { Recent } from '../core/recent.ts';
import { Channel } from './channel.ts';
import { Refusal } from './channel-log.ts';
import type { ChannelServer } from './channel-server.ts';
import type { Launcher } from './launcher.ts';

/** Of channels that no client will ever close so many are kept, and those that are in use. */
const DERIVED = 100;
/** Of so many channels it is remembered that their clients have ended them. */
const OVER = 1000;

/** The channels of one host. Keeps the number of running servers within bounds by ending idle ones. */
export class Channels {
  readonly #channels = new Map<string, Channel>();
  readonly #over = new Recent<string>(OVER);
  readonly #launcher: Launcher;
  readonly #limits: HostLimits;
  readonly #clock: Clock;
  readonly #server: ChannelServer;
  #lastUsedAt = 0;
  #retired = false;
  #replays = 0;

  constructor(
    launcher: Launcher,
    limits: HostLimits,
    clock: Clock,
    { clientRoots = false, ledger, log }: Partial<Omit<ChannelServer, 'launcher' | 'onReplay'>> = {},
  ) {
    this.#launcher = launcher;
    this.#limits = limits;
    this.#clock = clock;
    const onReplay = () => {
      this.#replays += 1;
    };
    this.#server = { launcher, clientRoots, ledger, log, onReplay };
    launcher.makeRoom = () => this.#makeRoom();
  }

  get size(): number {
    return this.#channels.size;
  }

  get logBytes(): number {
    let bytes = 0;
    for (const channel of this.#channels.values()) bytes += channel.log.bytes;
    return bytes;
  }

  /** Requests that came again with a key that was known, those of channels that are closed by now included. */
  get replays(): number {
    return this.#replays;
  }

  /** Last message in or out of any channel, those that are closed by now included; milliseconds since the epoch. */
  get lastUsedAt(): number | undefined {
    let last = this.#lastUsedAt;
    for (const channel of this.#channels.values()) last = Math.max(last, channel.lastUsedAt);
    return last === 0 ? undefined : last;
  }

  /**
   * Opens a channel, or finds it open; resolves with the server's `initialize` result, JSON.
   * @param initialize the client's parameters, JSON
   * @param memo kept with the channel (`Channel.memo`)
   * @throws Refusal `retired`, `channel-over`, `server-failed`, `initialize-refused`
   */
  async open(id: string, initialize: Buffer, resume: boolean, memo?: object): Promise<Buffer> {
    this.checkRetired();
    this.#checkOver(id);
    let channel = this.#channels.get(id);
    if (!channel) {
      if (!isConnectionId(id)) this.#closeDerived();
      channel = new Channel(id, initialize, this.#server, this.#limits, this.#clock);
      this.#channels.set(id, channel);
      this.#server.log?.debug({ connection: connectionLabel(id) }, 'connection opened');
    }
    channel.memo = memo;
    try {
      return await channel.open(resume);
    } catch (error) {
      if (this.#channels.get(id) === channel) this.#channels.delete(id);
      await channel.close();
      this.#checkOver(id); // that is why
      throw error;
    }
  }

  /** Nothing new is done any more. */
  get retired(): boolean {
    return this.#retired;
  }

  /** From now on nothing new is done. False, and nothing changes: a channel is in use. */
  retire(): boolean {
    this.#retired ||= ![...this.#channels.values()].some((channel) => channel.busy);
    return this.#retired;
  }

  /**
   * @param channel with `stream`: what is known of this stream may still be asked for
   * @throws Refusal `retired`
   */
  checkRetired(channel?: string, stream = STANDALONE): void {
    if (!this.#retired || (channel !== undefined && this.#channels.get(channel)?.log.knows(stream))) return;
    throw new Refusal('retired', 'The host is being ended because nobody used it');
  }

  /** @throws Refusal `no-channel` */
  get(id: string): Channel {
    const channel = this.#channels.get(id);
    if (!channel) throw new Refusal('no-channel', 'The host does not hold this channel');
    return channel;
  }

  /** @param over its client has ended it: it is not opened again */
  async close(id: string, over = false): Promise<void> {
    if (over) this.#over.add(id);
    const channel = this.#channels.get(id);
    this.#channels.delete(id);
    this.#lastUsedAt = Math.max(this.#lastUsedAt, channel?.lastUsedAt ?? 0);
    await channel?.close();
    if (channel) this.#server.log?.debug({ connection: connectionLabel(id) }, 'connection closed');
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#channels.keys()].map((id) => this.close(id)));
  }

  /** Drops what is too old, gives up on clients that are gone, and ends servers that were not used for long. To be called from time to time. */
  async sweep(): Promise<void> {
    const idleSince = this.#clock.now() - this.#limits.childIdleMs;
    for (const channel of this.#channels.values()) {
      channel.log.trim();
      channel.giveUp(this.#clock.now() - this.#limits.parkedMs);
      if (channel.hasServer && !channel.busy && channel.lastUsedAt <= idleSince) await channel.sleep();
    }
  }

  /**
   * Makes room for one more channel whose id a gateway has derived from what its client says of itself, with each request
   * (2026-07-28): such clients do not say when they end, and any gateway may use it.
   */
  #closeDerived(): void {
    const derived = [...this.#channels.values()].filter(({ id }) => !isConnectionId(id));
    if (derived.length < DERIVED) return;
    const idlest = longestUnused(derived.filter(({ busy }) => !busy));
    if (idlest) this.close(idlest.id).catch(() => {}); // it ends with its instance at the latest
  }

  #checkOver(id: string): void {
    if (this.#over.has(id)) throw new Refusal('channel-over', 'The connection was ended by its client');
  }

  /** Ends the server that was idle longest, where one more would be too many. */
  async #makeRoom(): Promise<void> {
    if (this.#launcher.running < this.#limits.children) return;
    const idle = [...this.#channels.values()].filter(({ hasServer, busy }) => hasServer && !busy);
    await longestUnused(idle)?.sleep();
  }
}

function longestUnused(channels: readonly Channel[]): Channel | undefined {
  let found: Channel | undefined;
  for (const channel of channels) if (!found || channel.lastUsedAt < found.lastUsedAt) found = channel;
  return found;
}
