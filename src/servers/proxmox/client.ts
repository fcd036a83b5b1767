import type * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { type Backoff, backoffDelay } from '../../core/retry.ts';
import type { ConnectOut } from '../../core/server-module.ts';
import { within } from '../../core/within.ts';
import type { Call, PveHttp } from './http.ts';
import type { Answer } from './http-answer.ts';
import { type Login, loginOf } from './login.ts';
import { errorOf, isProxyFailure, PveError, timeoutOf } from './pve-error.ts';
import type { Target } from './target.ts';

/** How often a call is sent at most while its connection fails or the entry node cannot reach the owning node. */
const ATTEMPTS = 4;
const BACKOFF: Backoff = { baseMs: 200, maxMs: 2000 };

/** What a client needs of the world. */
export interface ClientContext {
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Makes the connections; absent: they are made directly. */
  readonly connect?: ConnectOut;
}

/** The API of one Proxmox server. Calls may run at once; they share connections and login. */
export class PveClient {
  readonly name: string;
  readonly #target: Target;
  readonly #context: ClientContext;
  readonly #login: Login;
  #http: Promise<PveHttp> | undefined;

  constructor(target: Target, context: ClientContext) {
    this.name = target.name;
    this.#target = target;
    this.#context = context;
    this.#login = loginOf(target, context.clock, (call, signal) => this.#send(call, signal));
  }

  /**
   * `GET` of a path below `/api2/json`: the `data` of the answer, as `schema` reads it. Takes `timeout` at most, retries
   * and login included.
   * @throws PveError if Proxmox cannot be reached, refuses, or answers in another form; the signal's reason if it aborts
   */
  async get<S extends z.ZodType>(path: string, schema: S, signal: AbortSignal): Promise<z.output<S>> {
    const late = () => timeoutOf(this.#target);
    const answer = await within(
      this.#context.clock,
      this.#target.timeoutMs,
      late,
      (limit) => this.#get(path, limit),
      signal,
    );
    if (answer.status !== 200) throw errorOf(this.#target, path, answer);
    return this.#dataOf(path, answer, schema);
  }

  async #get(path: string, signal: AbortSignal): Promise<Answer> {
    const headers = await this.#login.headers();
    const answer = await this.#send({ method: 'GET', path, headers }, signal);
    if (answer.status !== 401 || !this.#login.refused(headers)) return answer;
    return await this.#send({ method: 'GET', path, headers: await this.#login.headers() }, signal);
  }

  /** Sends a call that may safely be sent again, and does so while its connection fails. */
  async #send(call: Call, signal: AbortSignal): Promise<Answer> {
    // Loaded with the first call: undici takes about as long to load as all the rest, and no start has to wait for it.
    this.#http ??= import('./http.ts').then(({ PveHttp }) => new PveHttp(this.#target, this.#context.connect));
    const http = await this.#http;
    for (let failures = 1; ; failures++) {
      const outcome = await http.send(call, signal).catch((error: unknown) => {
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
