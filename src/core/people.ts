/** What somebody may do. `admin`: everything. `operator`: read, refresh, clean up. `developer`: all with the own sessions. */
export const ROLES = ['admin', 'operator', 'developer'] as const;
export type Role = (typeof ROLES)[number];

/** Somebody who was let in. */
export interface Person {
  /** Also the owner of the sessions that they open. */
  readonly name: string;
  readonly role: Role;
}

/** Somebody who may log in with a password. */
export interface Account extends Person {
  /** A hash of the password (core/password.ts), or the password itself, which a file holds that is as secret. */
  readonly password: { readonly hash: string } | { readonly plain: string };
  /** Changes with the password, and tells nothing of it: tokens of before are refused. */
  readonly stamp: string;
}

/** Somebody else who says who people are (OpenID Connect Core 1.0): tokens that it signed are accepted. */
export interface Issuer {
  readonly issuer: string;
  readonly audience: string;
  /** Where its keys are (RFC 7517, section 5). */
  readonly jwksUrl: string;
  /** The claim that names the person. */
  readonly nameClaim: string;
  /** The claim that says the role: a text or a list of texts. */
  readonly roleClaim: string;
  /** Values of that claim -> role; whoever has none of them is refused. */
  readonly roles: Readonly<Record<string, Role>>;
}

/** Who may come in. */
export interface People {
  readonly accounts: readonly Account[];
  /** Absent: accounts only. */
  readonly issuer?: Issuer;
}

/** Signs tokens of people (HS256), at least 32 bytes. */
export interface SigningKey {
  /** RFC 7515, section 4.1.4. */
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** Tells who shows a token. */
export interface Identities {
  /** Throws `auth.invalid` for any other than a person's token that is good now, and `StoreUnavailable`. */
  verify(token: string): Promise<Person>;
}
