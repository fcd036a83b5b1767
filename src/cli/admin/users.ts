import { AppError } from '../../core/errors.ts';
import { hashPassword } from '../../core/password.ts';
import type { Role } from '../../core/people.ts';
import { callApi } from '../api-client.ts';
import type { CliIo } from '../io.ts';
import { jsonOutput } from '../json-output.ts';
import { currentLogin } from '../login/bearer.ts';
import { readSecret } from '../login/secret-input.ts';
import { ASKING, withProgress } from '../progress.ts';
import { paintFor } from '../screen.ts';
import { oneLine, table } from '../text.ts';
import { readAccounts, type WrittenAccount, writeAccounts } from './accounts-file.ts';

/** As the manager takes them (docs/admin-api.md). */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const RESERVED = 'owner';
const MIN_PASSWORD = 12;

export interface PasswordOptions {
  /** `-`: stdin. */
  readonly passwordFile?: string;
}

/** Lists accounts: for whoever is logged in those of the manager, else those of the one whose state directory this is. */
export async function listUsers(io: CliIo, { json }: { readonly json?: boolean }): Promise<number> {
  const users = await withProgress(io, ASKING, usersOf(io));
  const head = ['USER', 'ROLE'].map((cell) => paintFor(io.stdout, io.env)('bold', cell));
  if (json) io.stdout.write(jsonOutput('users', { users }));
  else if (users.length === 0) io.stdout.write("no users: the manager makes 'admin' when it starts\n");
  else io.stdout.write(table([head, ...users.map(({ name, role }) => [oneLine(name), oneLine(role)])]));
  return 0;
}

async function usersOf(io: CliIo): Promise<Pick<WrittenAccount, 'name' | 'role'>[]> {
  const login = await currentLogin(io).catch(() => undefined); // the file is there when the manager is not
  if (!login) return (await readAccounts(io.env)).accounts.map(({ name, role }) => ({ name, role }));
  const call = { method: 'GET', path: '/admin/api/users', bearer: login.token } as const;
  return ((await callApi(login.url, call)) as { users: WrittenAccount[] }).users;
}

/** Adds an account. */
export async function addUser(
  io: CliIo,
  name: string,
  options: PasswordOptions & { readonly role: Role },
): Promise<number> {
  if (!NAME.test(name) || name === RESERVED) {
    throw new AppError(
      'request.invalid',
      `"${name}" cannot be a user's name: letters, digits and ._@-, at most 64, not "${RESERVED}"`,
    );
  }
  const { accounts } = await readAccounts(io.env);
  if (accounts.some((account) => account.name === name)) {
    throw new AppError(
      'request.invalid',
      `there is a user "${name}" already: 'users password ${name}' changes the password`,
    );
  }
  const password = await newPassword(io, options);
  await change(io, (list) => [...list, { name, role: options.role, password }]);
  io.stdout.write(`user ${name} (${options.role}) added\n`);
  return 0;
}

/** Gives an account another password, which ends its logins. */
export async function setPassword(io: CliIo, name: string, options: PasswordOptions): Promise<number> {
  await known(io, name);
  const password = await newPassword(io, options);
  await change(io, (list) =>
    list.map((account) => (account.name === name ? { name, role: account.role, password } : account)),
  );
  io.stdout.write(`user ${oneLine(name)}: new password\n`);
  return 0;
}

/** Takes an account away, but for the last administrator's. */
export async function removeUser(io: CliIo, name: string): Promise<number> {
  await known(io, name);
  await change(io, (list) => {
    const left = list.filter((account) => account.name !== name);
    if (left.some(({ role }) => role === 'admin')) return left;
    throw new AppError('request.invalid', `"${name}" is the only administrator: add another one first`);
  });
  io.stdout.write(`user ${oneLine(name)} removed\n`);
  return 0;
}

async function known(io: CliIo, name: string): Promise<void> {
  const { accounts } = await readAccounts(io.env);
  if (accounts.some((account) => account.name === name)) return;
  throw new AppError('not-found', `there is no user "${oneLine(name)}": 'users' lists them`);
}

async function change(
  io: CliIo,
  next: (accounts: readonly WrittenAccount[]) => readonly WrittenAccount[],
): Promise<void> {
  const file = await readAccounts(io.env);
  await writeAccounts(io.env, { ...file, accounts: next(file.accounts) });
}

async function newPassword(io: CliIo, { passwordFile }: PasswordOptions): Promise<string> {
  const password = await readSecret(io, 'New password', passwordFile);
  if (password.length >= MIN_PASSWORD) return hashPassword(password);
  throw new AppError('request.invalid', `the password must have at least ${MIN_PASSWORD} characters`);
}
