import type { IncomingMessage } from 'node:http';
import { PveFailure } from './failure.ts';

const TICKET_LIFE_MS = 7_200_000;

export interface LoginOptions {
  /** `user@realm!id` -> secret. */
  readonly tokens?: Readonly<Record<string, string>> | undefined;
  /** `user@realm` -> password. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  /** Users whose login asks for a second factor. */
  readonly secondFactor?: readonly string[] | undefined;
  readonly now: () => number;
}

export interface Caller {
  readonly kind: 'none' | 'token' | 'ticket';
  /** `user@realm!id` of the API token that was shown, right or wrong. */
  readonly token?: string;
  readonly user?: string;
  /** Refused before any method: the reason phrase of a 401 without a body. */
  readonly refusal?: string;
}

/** Logins as PVE::AccessControl keeps them: API tokens, and tickets with a token against forged requests. */
export class Logins {
  readonly #options: LoginOptions;
  readonly #tickets = new Map<string, { readonly user: string; readonly since: number; readonly csrf: string }>();
  #issued = 0;

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  /** As a cluster does that gets a new key. */
  forget(): void {
    this.#tickets.clear();
  }

  /** The order of PVE::HTTPServer: ticket in the cookie, the same in Authorization, then API token. */
  of(request: IncomingMessage): Caller {
    const authorization = request.headers.authorization ?? '';
    const cookie = /PVEAuthCookie=([^;]*)/.exec(request.headers.cookie ?? authorization)?.[1];
    if (cookie !== undefined) {
      const ticket = this.#tickets.get(decodeURIComponent(cookie));
      if (!ticket || this.#options.now() - ticket.since >= TICKET_LIFE_MS)
        return { kind: 'ticket', refusal: 'No ticket' };
      const forged = request.method !== 'GET' && request.headers.csrfpreventiontoken !== ticket.csrf;
      return {
        kind: 'ticket',
        user: ticket.user,
        ...(forged && { refusal: 'Permission denied - invalid csrf token' }),
      };
    }
    const token = /^PVEAPIToken[= ](.*)$/.exec(authorization)?.[1];
    if (token === undefined) return { kind: 'none', refusal: 'No ticket' };
    const [, id = '', secret] = /^([^=]*)=(.*)$/.exec(decodeURIComponent(token)) ?? [];
    const right = secret !== undefined && this.#options.tokens?.[id] === secret;
    return right
      ? { kind: 'token', token: id, user: id }
      : { kind: 'token', token: id, refusal: 'Authentication failed!' };
  }

  /** `POST /access/ticket`. */
  issue({ username = '', password = '' }: Readonly<Record<string, string>>): unknown {
    const { users, secondFactor, now } = this.#options;
    const old = this.#tickets.get(password);
    const renews = old?.user === username && now() - old.since < TICKET_LIFE_MS;
    if (!renews && (password === '' || users?.[username] !== password))
      throw new PveFailure(401, 'authentication failure');
    const challenge = !renews && secondFactor?.includes(username);
    const number = (++this.#issued).toString(16).toUpperCase().padStart(8, '0');
    const ticket = challenge ? `PVE:!tfa!%7B%7D:${number}::c2ln+/==` : `PVE:${username}:${number}::c2ln+/==`;
    const csrf = `${number}:aG1hYw`;
    if (!challenge) this.#tickets.set(ticket, { user: username, since: now(), csrf });
    return { username, ticket, CSRFPreventionToken: csrf, ...(challenge && { NeedTFA: 1 }) };
  }
}
