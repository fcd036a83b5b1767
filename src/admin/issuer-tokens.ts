import jwt from 'jsonwebtoken';
import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import { type Issuer, type Person, ROLES } from '../core/people.ts';
import { unverifiedJwt } from '../sessions/verify-jwt.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { invalid } from './person-tokens.ts';

/** Signatures with a pair of keys only: with a secret one, who has the public key could sign (RFC 8725, section 2.1). */
const ALGORITHMS: jwt.Algorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];
/** What a name from elsewhere may be: it ends up in logs and labels. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;

/** Tokens of another issuer (OpenID Connect Core 1.0, section 3.1.3.7). */
export class IssuerTokens {
  readonly #clock: Clock;
  #keys: { readonly url: string; readonly keys: IssuerKeys } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Throws `auth.invalid`; `auth.forbidden` for somebody who has no role here; `upstream.failed`.
   * The name is `oidc:` and the claim's, so that nobody elsewhere can be somebody who has an account here.
   */
  async verify(token: string, issuer: Issuer): Promise<Person> {
    const kid = unverifiedJwt(token)?.kid;
    const key = kid === undefined ? undefined : await this.#keysOf(issuer).find(kid);
    if (!key) throw invalid();
    const payload = this.#claims(token, key, issuer);
    const name = payload[issuer.nameClaim];
    if (typeof name !== 'string' || !NAME.test(name)) throw invalid();
    const claimed = [payload[issuer.roleClaim]].flat().filter((value) => typeof value === 'string');
    const roles = claimed.flatMap((value) => (Object.hasOwn(issuer.roles, value) ? [issuer.roles[value]] : []));
    const role = ROLES.find((one) => roles.includes(one));
    if (!role) throw new AppError('auth.forbidden', `The token's "${issuer.roleClaim}" gives no role here`);
    return { name: `oidc:${name}`, role };
  }

  #claims(token: string, key: jwt.Secret | jwt.PublicKey, { issuer, audience }: Issuer): jwt.JwtPayload {
    const options = { algorithms: ALGORITHMS, issuer, audience, clockTimestamp: Math.floor(this.#clock.now() / 1000) };
    let payload: jwt.JwtPayload | string;
    try {
      payload = jwt.verify(token, key, options);
    } catch (cause) {
      throw invalid(cause);
    }
    if (typeof payload === 'string' || payload.exp === undefined) throw invalid();
    return payload;
  }

  #keysOf({ jwksUrl }: Issuer): IssuerKeys {
    if (this.#keys?.url !== jwksUrl) this.#keys = { url: jwksUrl, keys: new IssuerKeys(jwksUrl, this.#clock) };
    return this.#keys.keys;
  }
}
