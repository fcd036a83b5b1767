import type * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { type Backoff, backoffDelay } from '../../core/retry.ts';
import { within } from '../../core/within.ts';
import { Breaker } from './breaker.ts';
import type { Call, HttpContext, PveHttp } from './http.ts';
import type { Answer } from './http-answer.ts';
import { Lanes } from './lanes.ts';
import { type Login, loginOf } from './login.ts';
import { errorOf, isProxyFailure, outcomeUnknown, PveError, timeoutOf, unreachable } from './pve-error.ts';
import { formOf, type Params, withQuery } from './route.ts';
import type { Target } from './target.ts';

/** How often a read is sent at most while its connection fails or the entry node cannot reach the owning node. */
const ATTEMPTS = 4;
const BACKOFF: Backoff = { baseMs: 200, maxMs: 2000 };
/** Reads at once, so that a tool which asks about every guest does not time out while it waits for connections. */
const READS = 8;
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** What a client needs of the world. */
export interface ClientContext extends HttpContext {
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** A call that changes something. */
export interface Write {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  /** Path below `/api2/json`, without a query. */
  readonly path: string;
  readonly params?: Params;
}

/** The API of one Proxmox server. Calls may run at once; they share connections, login and circuit breaker. */
export class PveClient {
  readonly name: string;
  /** `user@realm` or `user@realm!token`: who Proxmox takes this for. */
  readonly identity: string;
  readonly #target: Target;
  readonly #context: ClientContext;
  readonly #login: Login;
  readonly #breaker: Breaker;
  readonly #reads = new Lanes(READS);
  #http: Promise<PveHttp> | undefined;

  constructor(target: Target, context: ClientContext) {
    this.name = target.name;
    this.identity = target.credential.kind === 'token' ? target.credential.id : target.credential.user;
    this.#target = target;
    this.#context = context;
    this.#breaker = new Breaker(context.clock);
    this.#login = loginOf(target, context.clock, (call, signal) => this.#repeat(call, signal));
  }

  /**
   * `GET` of a path below `/api2/json`: the `data` of the answer, as `schema` reads it. Takes `timeout` at most from its
   * turn on, retries and login included.
   * @throws PveError if Proxmox cannot be reached, refuses, or answers in another form; the signal's reason if it aborts
   */
  async get<S extends z.ZodType>(path: string, schema: S, signal: AbortSignal): Promise<z.output<S>> {
    const read = (limit: AbortSignal) => this.#authorized({ method: 'GET', path }, limit);
    const answer = await this.#reads.run(() => this.#within(read, signal), signal);
    if (answer.status !== 200) throw errorOf(this.#target, path, answer);
    return this.#dataOf(path, answer, schema);
  }

  /** A file of the web interface, which needs no login: `/pve-docs/...`. */
  async file(path: string, signal: AbortSignal): Promise<string> {
    const answer = await this.#within(
      (limit) => this.#repeat({ method: 'GET', root: '', path, headers: {} }, limit),
      signal,
    );
    if (answer.status !== 200) throw errorOf(this.#target, path, answer);
    return answer.body;
  }

  /**
   * Sends a change, once: only a login that was refused is made anew, which Proxmox checks before anything else.
   * @returns `data` of the answer, for most changes the UPID of a task
   * @throws PveError, which says so if it cannot be known whether the change was made; the signal's reason if it aborts
   */
  async write<S extends z.ZodType>({ method, path, params = {} }: Write, schema: S, signal: AbortSignal) {
    const form = formOf(params);
    // pveproxy takes no body with DELETE.
    const call =
      method === 'DELETE'
        ? { method, path: withQuery(path, params) }
        : { method, path, ...(form !== '' && { body: form, headers: FORM }) };
    let begun = false;
    const onSend = () => {
      begun = true;
    };
    const answer = await this.#within((limit) => this.#authorized(call, limit, onSend), signal).catch((error) => {
      throw begun && error instanceof PveError ? outcomeUnknown(error) : error;
    });
    if (answer.status !== 200) throw outcomeUnknown(errorOf(this.#target, path, answer));
    return this.#dataOf(path, answer, schema);
  }

  async #within(task: (signal: AbortSignal) => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
    const wait = this.#breaker.waitMs();
    if (wait > 0) throw unreachable(this.#target, wait);
    const { clock } = this.#context;
    try {
      const answer = await within(clock, this.#target.timeoutMs, () => timeoutOf(this.#target), task, signal);
      this.#breaker.reached();
      return answer;
    } catch (error) {
      if (error instanceof PveError && error.transient && error.pveStatus === undefined) this.#breaker.missed();
      throw error;
    }
  }

  /** With the login's headers, and once more with others if they were refused. */
  async #authorized(
    call: Omit<Call, 'headers'> & Partial<Call>,
    signal: AbortSignal,
    onSend = () => {},
  ): Promise<Answer> {
    const send = call.method === 'GET' ? this.#repeat.bind(this) : this.#once.bind(this);
    const headers = await this.#login.headers();
    onSend();
    const answer = await send({ ...call, headers: { ...call.headers, ...headers } }, signal);
    if (answer.status !== 401 || !this.#login.refused(headers)) return answer;
    return await send({ ...call, headers: { ...call.headers, ...(await this.#login.headers()) } }, signal);
  }

  async #once(call: Call, signal: AbortSignal): Promise<Answer> {
    // Loaded with the first call: undici takes about as long to load as all the rest, and no start has to wait for it.
    this.#http ??= import('./http.ts').then(({ PveHttp }) => new PveHttp(this.#target, this.#context));
    return await (await this.#http).send(call, signal);
  }

  /** Sends a call that may safely be sent again, and does so while its connection fails. */
  async #repeat(call: Call, signal: AbortSignal): Promise<Answer> {
    for (let failures = 1; ; failures++) {
      const outcome = await this.#once(call, signal).catch((error: unknown) => {
        if (error instanceof PveError && error.transient && failures < ATTEMPTS) return error;
        throw error;
      });
      if (!(outcome instanceof PveError) && (!isProxyFailure(outcome.status) || failures === ATTEMPTS)) return outcome;
      const delayMs = backoffDelay(BACKOFF, failures, this.#context.random());
      this.#context.log.debug({ server: this.name, failures, delayMs }, 'Proxmox did not answer, trying again');
      await this.#context.clock.sleep(delayMs, signal);
    }
  }

  #dataOf<S extends z.ZodType>(path: string, answer: Answer, schema: S): z.output<S> {
    const result = schema.safeParse(dataIn(answer.body));
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    const where = issue ? ` (${['data', ...issue.path].join('.')}: ${issue.message})` : '';
    throw new PveError(
      `Proxmox server "${this.name}" answered ${path} in a form that is not known${where}. Check that host and port are those of the Proxmox VE API`,
    );
  }
}

function dataIn(body: string): unknown {
  try {
    return (JSON.parse(body) as { data?: unknown } | null)?.data;
  } catch {
    return undefined;
  }
}
