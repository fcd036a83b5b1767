import { createHash, createHmac, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { AppError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { isPasswordHash } from '../core/password.ts';
import { type Account, type People, ROLES } from '../core/people.ts';
import { readGiven } from './keys.ts';
import { ownFile } from './own-file.ts';
import { parseSecretFile } from './parse-secret-file.ts';
import { Reread } from './reread.ts';

/** The account of a deployment that has no file of accounts. */
const ADMIN = 'admin';
/** Owns the sessions that are opened with the owner's credential: nobody else may have this name. */
const RESERVED = 'owner';
const MIN_PASSWORD = 12;

const role = z.enum(ROLES, { error: `must be one of ${ROLES.join(', ')}` });
const text = z.string({ error: 'must be a text' }).min(1, { error: 'must not be empty' });

const account = z
  .strictObject({
    name: text
      .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, { error: 'must be letters, digits and ._@-, at most 64' })
      .refine((name) => name !== RESERVED, { error: `must not be "${RESERVED}", whose sessions are the credential's` }),
    role,
    password: text
      .refine(isPasswordHash, { error: 'must be a scrypt hash: docs/admin-api.md says how to make one' })
      .exactOptional(),
    /** Relative to the file of accounts: holds the password itself, and is as secret. */
    passwordFile: text.exactOptional(),
  })
  .refine(({ password, passwordFile }) => (password === undefined) !== (passwordFile === undefined), {
    error: 'must have either "password" or "passwordFile"',
  });

const secureUrl = text.refine(isSecure, { error: 'must be an https URL (http for this machine itself)' });

const schema = z.strictObject({
  accounts: z
    .array(account, { error: 'must be a list' })
    .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, {
      error: 'must not have the same name twice',
    })
    .default([]),
  oidc: z
    .strictObject({
      issuer: secureUrl,
      audience: text,
      jwksUrl: secureUrl,
      nameClaim: text.default('sub'),
      roleClaim: text.default('roles'),
      roles: z.record(text, role, { error: 'must be an object: value of the claim -> role' }),
    })
    .exactOptional(),
});

/** Where people are found. */
export interface PeopleFiles {
  /** Directory of the manager's own state. */
  readonly state: string;
  /** A file of accounts that must be there; absent: `accounts.json` in the state directory, if there is one. */
  readonly accounts?: string;
  /** A file with the password of `admin`, where there are no accounts; absent: `admin-password` in the state directory. */
  readonly adminPassword?: string;
}

/**
 * Who may log in. Where nobody said anything this makes the account `admin` with a password of its own, in a file that only
 * this user may read; the log says where. The files are read again when they change.
 * @param key the deployment's key
 * @param onChange is called when they were read again, and can be used
 * @throws AppError `config.invalid` that names what is wrong, never with a value
 */
export function openPeople(
  files: PeopleFiles,
  key: Uint8Array,
  log: Logger,
  onChange: () => void = () => {},
): Reread<People> {
  const own = join(files.state, 'accounts.json');
  const password = files.adminPassword ?? join(files.state, 'admin-password');
  const read = (): People => {
    if (files.accounts !== undefined) return peopleIn(files.accounts, readGiven(files.accounts), key);
    if (existsSync(own))
      return peopleIn(
        own,
        ownFile(own, () => ''),
        key,
      );
    return { accounts: [adminOf(password, files.adminPassword !== undefined, key, log)] };
  };
  return new Reread([files.accounts ?? own, password], read, log, onChange);
}

/** @throws AppError `config.invalid` that names what is wrong in a file of accounts */
export function checkAccounts(file: string, key: Uint8Array): void {
  peopleIn(file, readGiven(file), key);
}

function peopleIn(file: string, bytes: Buffer, key: Uint8Array): People {
  const { accounts, oidc } = parseSecretFile(file, bytes, schema);
  return {
    accounts: accounts.map(({ name, role, password, passwordFile = '' }) => ({
      name,
      role,
      ...(password === undefined
        ? plainOf(resolve(dirname(file), passwordFile), readGiven, key)
        : { password: { hash: password }, stamp: stampOf(password) }),
    })),
    ...(oidc ? { issuer: oidc } : {}),
  };
}

function adminOf(file: string, isGiven: boolean, key: Uint8Array, log: Logger): Account {
  if (!isGiven && !existsSync(file))
    log.info({ file, account: ADMIN }, 'the password of the first account was made: it is in this file');
  const read = isGiven ? readGiven : () => ownFile(file, () => `${randomBytes(18).toString('base64url')}\n`);
  return { name: ADMIN, role: 'admin', ...plainOf(file, read, key) };
}

/** A password that a file holds as it is. */
function plainOf(file: string, read: (file: string) => Buffer, key: Uint8Array): Pick<Account, 'password' | 'stamp'> {
  const plain = read(file)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (plain.length < MIN_PASSWORD)
    throw new AppError('config.invalid', `${file} must hold a password of at least ${MIN_PASSWORD} characters`);
  // Keyed: a stamp is in every token.
  const stamp = createHmac('sha256', key).update(`password ${plain}`).digest('base64url').slice(0, 16);
  return { password: { plain }, stamp };
}

/** The hash has a salt, so this tells nothing of the password. */
const stampOf = (hash: string): string => createHash('sha256').update(hash).digest('base64url').slice(0, 16);

function isSecure(value: string): boolean {
  const url = URL.parse(value);
  if (!url || url.username || url.password) return false;
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isHere);
}
