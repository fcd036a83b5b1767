import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { OperationsStore } from '../core/operations.ts';
import type { Account, Person, SigningKey } from '../core/people.ts';
import { unverifiedJwt, verifyJwt } from '../sessions/verify-jwt.ts';

const ISSUER = 'mcp-session-manager';
/** Each kind of token has an audience of its own, so that none is taken for another (RFC 8725, section 3.9). */
const AUDIENCE = { access: 'admin', refresh: 'admin-refresh' } as const;
const LIFE_S = { access: 15 * 60, refresh: 12 * 3600 } as const;
/** How long a login lasts, however often its tokens are refreshed, seconds: whoever has stolen one does not have it for ever. */
const LOGIN_S = 7 * 24 * 3600;

/** What somebody gets who has logged in. */
export interface TokenPair {
  readonly access: string;
  readonly refresh: string;
  /** Life of the access token, seconds. */
  readonly expiresIn: number;
}

export interface PersonTokensOptions {
  /** The first one signs; asked for each time, since they may change. */
  readonly keys: () => readonly SigningKey[];
  /** As they are now: who is not there any more, or has another password, is logged out. */
  readonly accounts: () => readonly Account[];
  readonly operations: Pick<OperationsStore, 'hit' | 'mark' | 'marked'>;
  readonly clock: Clock;
}

type Kind = keyof typeof AUDIENCE;

/** All tokens that came from one login have it in them. */
interface LoginMark {
  readonly id: string;
  /** When it was, seconds since the epoch. */
  readonly at: number;
}

interface Claims {
  readonly account: Account;
  readonly login: LoginMark;
  readonly id: string;
}

/**
 * Tokens of accounts: JWT (RFC 7519), HS256, with `kid`. Claims: `sub` the account's name, `log` the login that it came from,
 * `auth_time` when that was (OpenID Connect Core 1.0, section 2), `stm` its password's stamp. The role is not in them: it is looked up. A refresh token is good once (RFC 9700, section 4.14.2):
 * the second use of one ends the whole login, since one of the two users is a thief.
 */
export class PersonTokens {
  readonly #options: PersonTokensOptions;

  constructor(options: PersonTokensOptions) {
    this.#options = options;
  }

  issue(account: Account): TokenPair {
    return this.#pair(account, { id: randomUUID(), at: this.#now });
  }

  /**
   * Throws `auth.invalid`, and `StoreUnavailable`.
   * @param lenient an outage of the store, which knows the logouts, is no obstacle
   */
  async verify(token: string, lenient = false): Promise<Person> {
    const { account, login } = this.#check(token, 'access');
    const isOver = this.#options.operations.marked(ended(login));
    if (await (lenient ? isOver.catch(() => false) : isOver)) throw invalid();
    return { name: account.name, role: account.role };
  }

  /** A new pair for a refresh token, which is used up. Throws `auth.invalid`, and `StoreUnavailable`. */
  async refresh(token: string): Promise<{ readonly person: Person; readonly tokens: TokenPair }> {
    const { operations } = this.#options;
    const { account, login, id } = this.#check(token, 'refresh');
    if (await operations.marked(ended(login))) throw invalid();
    if ((await operations.hit(`admin:refresh:${id}`, LIFE_S.refresh * 1000)) > 1) {
      await this.#end(login);
      throw invalid();
    }
    return { person: { name: account.name, role: account.role }, tokens: this.#pair(account, login) };
  }

  /** Ends the login that an access or refresh token came from: all its tokens. Throws `auth.invalid`, `StoreUnavailable`. */
  async revoke(token: string): Promise<Person> {
    const kind = unverifiedJwt(token)?.claims.aud === AUDIENCE.refresh ? 'refresh' : 'access';
    const { account, login } = this.#check(token, kind);
    await this.#end(login);
    return { name: account.name, role: account.role };
  }

  get #now(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }

  #end(login: LoginMark): Promise<void> {
    return this.#options.operations.mark(ended(login), LIFE_S.refresh * 1000);
  }

  #pair(account: Account, login: LoginMark): TokenPair {
    return {
      access: this.#sign('access', account, login),
      refresh: this.#sign('refresh', account, login),
      expiresIn: this.#lifeOf('access', login),
    };
  }

  /** Seconds. */
  #lifeOf(kind: Kind, { at }: LoginMark): number {
    return Math.min(LIFE_S[kind], at + LOGIN_S - this.#now);
  }

  #sign(kind: Kind, account: Account, login: LoginMark): string {
    const [key] = this.#options.keys();
    if (!key) throw new TypeError('there is no key to sign with');
    const now = this.#now;
    const claims = {
      iss: ISSUER,
      aud: AUDIENCE[kind],
      sub: account.name,
      log: login.id,
      auth_time: login.at,
      stm: account.stamp,
      jti: randomUUID(),
      iat: now,
      exp: now + this.#lifeOf(kind, login),
    };
    return jwt.sign(claims, Buffer.from(key.secret), { algorithm: 'HS256', keyid: key.kid });
  }

  #check(token: string, kind: Kind): Claims {
    const { keys, accounts, clock } = this.#options;
    const kid = unverifiedJwt(token)?.kid;
    const key = keys().find((known) => known.kid === kid);
    if (!key) throw invalid();
    const parties = { issuer: ISSUER, audience: AUDIENCE[kind] };
    const { sub, log, auth_time: at, stm, jti } = verifyJwt(token, Buffer.from(key.secret), parties, clock, invalid);
    const account = accounts().find(({ name, stamp }) => name === sub && stamp === stm);
    if (!account || typeof log !== 'string' || typeof at !== 'number' || typeof jti !== 'string') throw invalid();
    return { account, login: { id: log, at }, id: jti };
  }
}

/** Whether a token says that it is from here. Nothing is checked yet. */
export const isOurs = (token: string): boolean => unverifiedJwt(token)?.claims.iss === ISSUER;

const ended = ({ id }: LoginMark): string => `admin:logout:${id}`;

export function invalid(cause?: unknown): AppError {
  return new AppError('auth.invalid', 'The token is not valid, or has expired: log in again', { cause });
}
