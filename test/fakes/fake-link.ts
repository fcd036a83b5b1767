import type { FollowMode, PostKind } from '../../src/core/channel.ts';
import type { HostLink, Leave, Post, Subscriber } from '../../src/core/host-link.ts';
import { HostRefused, LinkLost } from '../../src/core/host-link.ts';
import { LocalSignals } from '../../src/core/local-signals.ts';
import type { Hold } from '../../src/core/meter.ts';
import type { SessionRecord } from '../../src/core/session.ts';
import { Reach } from '../../src/gateway/mcp/reach.ts';
import { newTarget } from '../../src/gateway/mcp/single-conversation.ts';
import type { Target } from '../../src/gateway/mcp/target.ts';
import { InstanceKeys } from '../../src/sessions/instance-keys.ts';
import type { ReadyServer } from '../../src/sessions/sessions.ts';
import { connectionRecord, sessionRecord } from '../support/records.ts';
import type { FakeClock } from './fake-clock.ts';

/** What was begun on a link: `name` is a post's key or a follow's stream. */
export interface Begun {
  readonly kind: 'post' | 'follow';
  readonly channel: string;
  readonly name: string;
  readonly from?: number | undefined;
  readonly out?: true | undefined;
  readonly mode?: FollowMode | undefined;
  /** The message's kind, of a post. */
  readonly post?: PostKind;
  readonly message?: { readonly id?: string | number; readonly method?: string };
  readonly subscriber: Subscriber;
  left: boolean;
}

/** A link whose host says what a test tells it to say. */
export class FakeLink implements HostLink {
  readonly boot: string;
  lost = false;
  readonly begun: Begun[] = [];
  readonly opened: { readonly channel: string; readonly resume: boolean }[] = [];
  readonly closed: string[] = [];
  /** The server's `initialize` result; a promise for one that is late. */
  greeting: object | Promise<object> = { capabilities: { tools: {} } };
  /** Called for each post, with its parsed message. */
  onPost: (begun: Begun) => void = () => {};

  constructor(boot = 'boot') {
    this.boot = boot;
  }

  async open(channel: string, _initialize: string, resume: boolean): Promise<Buffer> {
    this.opened.push({ channel, resume });
    return Buffer.from(JSON.stringify(await this.greeting));
  }
  async recall(): Promise<Buffer> {
    throw new HostRefused('no-channel', 'not held here');
  }
  post(channel: string, { key: name, kind: post, payload, out }: Post, subscriber: Subscriber): Leave {
    const message = JSON.parse(payload.toString());
    const begun: Begun = { kind: 'post', channel, name, post, message, out, subscriber, left: false };
    const leave = this.#begin(begun);
    this.onPost(begun);
    return leave;
  }
  follow(channel: string, name: string, from: number | undefined, subscriber: Subscriber, mode?: FollowMode): Leave {
    return this.#begin({ kind: 'follow', channel, name, from, mode, subscriber, left: false });
  }
  async close(channel: string): Promise<void> {
    this.closed.push(channel);
  }

  /** The last that was begun and not left. */
  get last(): Begun {
    const begun = this.begun.findLast(({ left }) => !left);
    if (!begun) throw new Error('nothing was begun');
    return begun;
  }

  say(message: object | string, offset: number, last = false): void {
    const text = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message });
    this.last.subscriber.entry(offset, Buffer.from(text), last, false);
  }

  /** The host goes away. */
  lose(): void {
    this.lost = true;
    for (const { subscriber, left } of [...this.begun]) if (!left) subscriber.failed(new LinkLost('lost'));
  }

  #begin(begun: Begun): Leave {
    this.begun.push(begun);
    return () => {
      begun.left = true;
    };
  }
}

/** A session whose servers are where a test says, and what a gateway reaches them by. */
export class FakeSession {
  record: SessionRecord;
  /** By server; absent: it cannot be reached. */
  readonly links = new Map<string, FakeLink>();
  /** What waiting for a server rejects with. */
  readonly failures = new Map<string, Error>();
  readonly reach: Reach;
  /** Waits that began, how they ended, and gaps. */
  readonly measured: string[] = [];
  readonly connection: ReturnType<typeof connectionRecord>;

  constructor(clock: FakeClock, servers: readonly string[] = ['files']) {
    const running = { desired: 'running', generation: 0, state: { phase: 'pending' } } as const;
    this.record = sessionRecord(clock.now(), { servers: Object.fromEntries(servers.map((name) => [name, running])) });
    this.connection = connectionRecord(this.record.id);
    for (const name of servers) this.links.set(name, new FakeLink());
    this.reach = new Reach({
      sessions: {
        awaitReady: (_id, name) => this.#ready(name),
        get: () => this.#get(),
      },
      keys: new InstanceKeys(Buffer.alloc(32)),
      links: {
        to: async ({ endpoint }) => {
          const link = this.links.get(endpoint.kind === 'unix' ? endpoint.path : '');
          if (!link || link.lost) throw new LinkLost('nobody is there');
          return link;
        },
        [Symbol.asyncDispose]: async () => {},
      },
      signals: new LocalSignals(),
      clock,
      holdMs: 1000,
      meter: { hold: () => this.#hold(), streamGap: () => this.measured.push('gap') },
    });
  }

  #hold(): Hold {
    let began = false;
    return {
      begin: () => {
        if (!began) this.measured.push('waits');
        began = true;
      },
      end: (outcome) => {
        if (began) this.measured.push(outcome);
        began = false;
      },
    };
  }

  link(name = 'files'): FakeLink {
    const link = this.links.get(name);
    if (!link) throw new Error(`no link to ${name}`);
    return link;
  }

  target(name = 'files', resume = false): Target {
    return newTarget(this.record, this.connection, name, resume);
  }

  /** Whatever can be waited for is ready. */
  async #get(): Promise<SessionRecord> {
    const states = Object.entries(this.record.servers).map(async ([name, server]) => {
      const ready = await this.#ready(name).catch(() => undefined);
      return [name, ready ? { ...server, state: ready.state } : server] as const;
    });
    return { ...this.record, servers: Object.fromEntries(await Promise.all(states)) };
  }

  async #ready(name: string): Promise<ReadyServer> {
    const failure = this.failures.get(name);
    if (failure) throw failure;
    const instance = { name: '1', endpoint: { kind: 'unix', path: name }, startedAt: 0 } as const;
    return { record: this.record, state: { phase: 'ready', incarnation: 1, since: 0, instance } };
  }
}
