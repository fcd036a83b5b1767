import type { Clock } from '../core/clock.ts';
import type { Identities, People, Person } from '../core/people.ts';
import { IssuerTokens } from './issuer-tokens.ts';
import { invalid, isOurs, type PersonTokens } from './person-tokens.ts';

/** Tells who shows a token, whoever issued it. */
export class TokenIdentities implements Identities {
  readonly #tokens: PersonTokens;
  readonly #people: () => People;
  readonly #elsewhere: IssuerTokens;

  /** @param people as they are now */
  constructor(tokens: PersonTokens, people: () => People, clock: Clock) {
    this.#tokens = tokens;
    this.#people = people;
    this.#elsewhere = new IssuerTokens(clock);
  }

  /** @param lenient an outage of the store, which knows the logouts, is no obstacle */
  async verify(token: string, lenient = false): Promise<Person> {
    if (isOurs(token)) return this.#tokens.verify(token, lenient);
    const { issuer } = this.#people();
    if (!issuer) throw invalid();
    return this.#elsewhere.verify(token, issuer);
  }
}
