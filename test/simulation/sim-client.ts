import { balance } from './sim-balancer.ts';
import type { HttpRequest, Peer } from './sim-http.ts';
import { visit } from './sim-machine.ts';
import type { Tracked, World } from './world.ts';

const VERSION = '2025-11-25';
const BASE = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
/** Errors by which a client is told that its call was not run, so that it may try again. */
const NOT_RUN = new Set([-33016, -33019, -33013]);

interface Event {
  readonly id?: string;
  readonly message?: { id?: number; method?: string; params?: Record<string, unknown>; error?: { code: number } };
}
interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** An MCP client of one terminal: opens its session, calls, listens, and holds what it is told against what it may be told. */
export class SimClient {
  readonly tag: string;
  readonly #world: World;
  readonly #terminal: string;
  #session: Tracked | undefined;
  #token = '';
  #connection: string | undefined;
  #serial = 0;

  constructor(world: World, tag: string, terminal: string) {
    this.#world = world;
    this.tag = tag;
    this.#terminal = terminal;
  }

  /** Works until the world is at rest. */
  async run(): Promise<void> {
    while (!this.#world.closing) {
      if (!this.#session) await this.#open();
      else if (!this.#connection) await this.#initialize();
      else await this.#call();
      await this.#pause(this.#world.prng.chance(0.1) ? 45_000 : 1500);
    }
  }

  #pause(most: number): Promise<void> {
    const { time, prng } = this.#world;
    return new Promise((resolve) => void time.after(prng.between(1, most), resolve));
  }

  async #open(): Promise<void> {
    const gateway = this.#world.prng.pick([...this.#world.gateways]);
    if (!gateway?.process.alive) return;
    const terminal = { name: this.#terminal, host: 'laptop' };
    const body = { terminal, workspace: '/work', attach: true };
    const opened = await visit(gateway.process, () => gateway.sessions.open('owner', body)).catch(() => undefined);
    if (!opened) return;
    this.#session = this.#world.track(opened.record);
    this.#token = gateway.tokens.issue(opened.record);
    this.#connection = undefined;
  }

  async #initialize(): Promise<void> {
    const params = { protocolVersion: VERSION, capabilities: {}, clientInfo: { name: this.tag, version: '1' } };
    const { headers, events, status } = await this.#post({ id: 0, method: 'initialize', params });
    this.#judge(status, 'initialize');
    const id = headers['mcp-session-id'];
    if (typeof id !== 'string' || events[0]?.message?.error) return;
    this.#connection = id;
    this.#world.connected(id);
    await this.#post({ method: 'notifications/initialized' });
    if (this.#world.prng.chance(0.6)) void this.#listen(id);
  }

  async #call(): Promise<void> {
    const { prng } = this.#world;
    const id = ++this.#serial;
    const call = new CallLog(this.#world, `${this.tag}:${id}`, id);
    this.#world.pending.add(call.uid);
    const everyMs = prng.chance(0.2) ? prng.between(1000, 6000) : prng.between(0, 200);
    const args = { uid: call.uid, tag: this.tag, steps: prng.between(0, 4), everyMs };
    const params = { name: 'count', arguments: args, _meta: { progressToken: call.uid } };
    let { status } = await this.#post({ id, method: 'tools/call', params }, (event) => call.hear(event));
    while (!call.answered && status === 200 && call.last !== undefined && !this.#world.closed) {
      this.#world.reached.add('a stream resumed');
      await this.#pause(1000);
      const got = await this.#get(call.last, (event) => call.hear(event));
      if (got.status < 500) status = got.status;
    }
    if (this.#world.closed) return;
    this.#world.pending.delete(call.uid);
    call.over(status);
    this.#judge(status, `call ${call.uid}`);
  }

  /** A 404 must be true. */
  #judge(status: number, what: string): void {
    this.#world.note(`${what}: ${status}`);
    if (status !== 404) return;
    if (this.#session && !this.#world.isOver(this.#session, this.#connection))
      this.#world.violate(`${what} of a living session was answered with 404`);
    if (this.#session?.over || !this.#connection) this.#session = undefined;
    this.#connection = undefined;
  }

  async #listen(connection: string): Promise<void> {
    const log = new ListenLog(this.#world, this.tag);
    while (this.#connection === connection && !this.#world.closing) {
      const { status } = await this.#get(log.last, (event) => log.hear(event), 30_000);
      if (status === 404) return;
      await this.#pause(1000);
    }
  }

  #post(message: object, hear: (event: Event) => void = () => {}): Promise<Got & { events: Event[] }> {
    return this.#send({ method: 'POST', headers: {}, body: JSON.stringify({ jsonrpc: '2.0', ...message }) }, hear);
  }

  #get(last: string | undefined, hear: (event: Event) => void, most?: number): Promise<Got & { events: Event[] }> {
    return this.#send({ method: 'GET', headers: last === undefined ? {} : { 'last-event-id': last } }, hear, most);
  }

  #send(request: HttpRequest, hear: (event: Event) => void, most?: number): Promise<Got & { events: Event[] }> {
    const connection = this.#connection === undefined ? {} : { 'mcp-session-id': this.#connection };
    const headers = { ...BASE, ...connection, authorization: `Bearer ${this.#token}`, 'mcp-protocol-version': VERSION };
    return new Promise((resolve) => {
      let got: Got = { status: 502, headers: {} };
      let rest = '';
      let over = false;
      const events: Event[] = [];
      const take = (event: Event) => {
        events.push(event);
        hear(event);
      };
      const done = () => {
        over = true;
        resolve({ ...got, events });
      };
      const peer: Peer = {
        head: (status, fields) => {
          got = { status, headers: fields };
        },
        data: (text) => {
          if (over) return;
          rest += text;
          if (got.headers['content-type'] === 'application/json') return;
          for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
            take(parsed(rest.slice(0, end)));
            rest = rest.slice(end + 2);
          }
        },
        over: (how) => {
          if (over) return;
          const isJson = how === 'end' && got.headers['content-type'] === 'application/json';
          // To a client the body of a GET that failed is no answer to its call.
          if (isJson && request.method === 'POST') take({ message: JSON.parse(rest) });
          done();
        },
      };
      balance(this.#world, { ...request, headers: { ...headers, ...request.headers } }, peer);
      if (most !== undefined) this.#world.time.after(most, () => over || done());
    });
  }
}

function parsed(block: string): Event {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const [id, data] = [field('id'), field('data')];
  return { ...(id === undefined ? {} : { id }), ...(data ? { message: JSON.parse(data) } : {}) };
}

/** What a client hears of one call. */
class CallLog {
  readonly uid: string;
  readonly #world: World;
  readonly #id: number;
  #progress = 0;
  #answers = 0;
  #error: number | undefined;
  last: string | undefined;

  constructor(world: World, uid: string, id: number) {
    this.#world = world;
    this.uid = uid;
    this.#id = id;
  }

  get answered(): boolean {
    return this.#answers > 0;
  }

  hear({ id, message }: Event): void {
    if (id !== undefined) this.last = id;
    if (!message) return;
    if (message.method !== undefined) this.#step(message.params ?? {}, message.method);
    else this.#answer(message);
  }

  #step(params: Record<string, unknown>, method: string): void {
    if (method !== 'notifications/progress') return;
    if (params.uid !== this.uid) this.#world.violate(`${this.uid} got what belongs to ${params.uid}`);
    if (params.progress !== this.#progress + 1)
      this.#world.violate(`${this.uid} got step ${params.progress} behind step ${this.#progress}`);
    this.#progress = params.progress as number;
  }

  #answer(message: NonNullable<Event['message']>): void {
    this.#answers += 1;
    if (this.#answers > 1) this.#world.violate(`${this.uid} was answered twice`);
    if (message.id !== this.#id) this.#world.violate(`${this.uid} got an answer with the id ${message.id}`);
    this.#error = message.error?.code;
    const result = (message as { result?: { uid: string; steps: number } }).result;
    if (!result) return;
    this.#world.reached.add('a result');
    if (result.uid !== this.uid) this.#world.violate(`${this.uid} got the answer of ${result.uid}`);
    if (result.steps !== this.#progress)
      this.#world.violate(`${this.uid} got its answer behind step ${this.#progress} of ${result.steps}`);
  }

  /** Nothing more comes. */
  over(status: number): void {
    this.#world.reached.add(this.#error === undefined ? `status ${status}` : `error ${this.#error}`);
    if (!this.answered && status === 200) this.#world.reached.add('a stream broken without an id');
    if (
      this.#error !== undefined &&
      NOT_RUN.has(this.#error) &&
      this.#world.runsOf(this.uid) > 0 &&
      !this.#world.sentAgain(this.uid)
    )
      this.#world.violate(`${this.uid} was run, and its client was told to try again (${this.#error})`);
  }
}

/** What a client hears that belongs to no call: without gaps, or it is told that there may be one. */
class ListenLog {
  readonly #world: World;
  readonly #tag: string;
  #heard: { readonly boot: string; readonly serial: number } | undefined;
  last: string | undefined;

  constructor(world: World, tag: string) {
    this.#world = world;
    this.#tag = tag;
  }

  hear({ id, message }: Event): void {
    if (id !== undefined) this.last = id;
    if (message?.method === 'notifications/tools/list_changed') this.#heard = undefined;
    if (message?.method !== 'notifications/resources/updated') return;
    const { boot, serial } = message.params as { boot: string; serial: number };
    const heard = this.#heard;
    if (heard && (heard.boot !== boot || heard.serial + 1 !== serial))
      this.#world.violate(`${this.#tag} heard ${boot} ${serial} behind ${heard.boot} ${heard.serial}`);
    this.#heard = { boot, serial };
  }
}
