import * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import { within } from '../../core/within.ts';
import type { Call } from './http.ts';
import type { Answer } from './http-answer.ts';
import { errorOf, PveError, timeoutOf } from './pve-error.ts';
import type { Target } from './target.ts';

type Headers = Readonly<Record<string, string>>;

/** How calls to one Proxmox server prove who makes them. */
export interface Login {
  /** The headers for a call, those that a write needs included; logs in first if that is needed. */
  headers(): Promise<Headers>;
  /** Proxmox refused `headers` with 401. True: other headers are worth one more try. */
  refused(headers: Headers): boolean;
}

/** Sends a call, with retries. */
export type Send = (call: Call, signal: AbortSignal) => Promise<Answer>;

export function loginOf(target: Target, clock: Clock, send: Send): Login {
  const { credential } = target;
  if (credential.kind === 'password') return new TicketLogin(target, credential, clock, send);
  // The value is URI-decoded by pveproxy.
  const headers = { authorization: `PVEAPIToken=${encodeURI(`${credential.id}=${credential.secret}`)}` };
  return { headers: async () => headers, refused: () => false };
}

/** Age at which a ticket is renewed, milliseconds: half its life, so that it never ends within a call. */
const RENEW_AFTER_MS = 3_600_000;
/** A ticket's life, milliseconds (PVE::AccessControl, `$ticket_lifetime`). */
const TICKET_LIFE_MS = 7_200_000;
/** What a ticket that only asks for the second factor begins with. */
const CHALLENGE = 'PVE:!tfa!';

const ticketSchema = z.object({
  data: z.object({ ticket: z.string().min(1), CSRFPreventionToken: z.string().optional() }),
});
type Issued = z.output<typeof ticketSchema>['data'];

interface Ticket {
  readonly value: string;
  readonly since: number;
  readonly headers: Headers;
}

/** Login with a password: a ticket, shared by all calls, renewed with itself and, where that fails, with the password. */
class TicketLogin implements Login {
  readonly #target: Target;
  readonly #user: string;
  readonly #password: string;
  readonly #clock: Clock;
  readonly #send: Send;
  #ticket: Ticket | undefined;
  #obtaining: Promise<Ticket> | undefined;

  constructor(target: Target, credential: { user: string; password: string }, clock: Clock, send: Send) {
    this.#target = target;
    this.#user = credential.user;
    this.#password = credential.password;
    this.#clock = clock;
    this.#send = send;
  }

  async headers(): Promise<Headers> {
    if (this.#ticket && this.#ageOf(this.#ticket) < RENEW_AFTER_MS) return this.#ticket.headers;
    // One login for all calls that wait, so it is bound to none of them.
    this.#obtaining ??= this.#obtain().finally(() => {
      this.#obtaining = undefined;
    });
    return (await this.#obtaining).headers;
  }

  refused(headers: Headers): boolean {
    if (this.#ticket?.headers === headers) this.#ticket = undefined;
    return true;
  }

  #ageOf(ticket: Ticket): number {
    return this.#clock.now() - ticket.since;
  }

  async #obtain(): Promise<Ticket> {
    const { timeoutMs } = this.#target;
    const late = () => timeoutOf(this.#target);
    const old = this.#ticket;
    const { ticket: value, CSRFPreventionToken: csrf } = await within(this.#clock, timeoutMs, late, async (signal) => {
      const renewed = old && this.#ageOf(old) < TICKET_LIFE_MS ? await this.#post(old.value, signal) : undefined;
      const answer = renewed?.status === 200 ? renewed : await this.#post(this.#password, signal);
      return ticketIn(this.#target, answer);
    });
    const cookie = `PVEAuthCookie=${encodeURIComponent(value)}`;
    const headers = csrf === undefined ? { cookie } : { cookie, CSRFPreventionToken: csrf };
    this.#ticket = { value, since: this.#clock.now(), headers };
    return this.#ticket;
  }

  #post(password: string, signal: AbortSignal): Promise<Answer> {
    return this.#send(
      {
        method: 'POST',
        path: '/access/ticket',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ username: this.#user, password }).toString(),
      },
      signal,
    );
  }
}

function ticketIn(target: Target, answer: Answer): Issued {
  if (answer.status !== 200) throw errorOf(target, '/access/ticket', answer);
  const issued = ticketSchema.safeParse(parsed(answer.body)).data?.data;
  if (issued === undefined) throw new PveError(`Proxmox server "${target.name}" answered the login with no ticket`);
  if (!issued.ticket.startsWith(CHALLENGE)) return issued;
  const needed = `Proxmox server "${target.name}" asks for a second factor, which no program can give.`;
  throw new PveError(
    `${needed} Make an API token for this user and name its variable in servers.${target.name}.token_env_var`,
  );
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
