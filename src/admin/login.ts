import { createHash, timingSafeEqual } from 'node:crypto';
import { AppError } from '../core/errors.ts';
import type { LoginMeter } from '../core/meter.ts';
import type { OperationsStore } from '../core/operations.ts';
import { verifyPassword } from '../core/password.ts';
import type { Account } from '../core/people.ts';

/** Failures within this time count together, milliseconds. */
const WINDOW_MS = 5 * 60_000;
/**
 * Failures after which nobody may try any more: for an account, from wherever nobody got into it before, and from each place
 * where somebody did (so strangers keep nobody out); from an address, whatever account.
 */
const LIMIT = { account: 10, address: 30 } as const;
/** How long an address is known after a login, milliseconds. */
const KNOWN_MS = 30 * 24 * 3_600_000;
/** Passwords that are looked at at once: each takes 16 MiB of memory. */
const AT_ONCE = 2;
/** Logins that may wait for that. */
const WAITING = 30;
/** The hash of nobody's password: an account that is not there takes as long as one that is. */
const NOBODY = `$scrypt$ln=14,r=8,p=5$${'A'.repeat(22)}$${'A'.repeat(43)}`;

export interface LoginOptions {
  readonly accounts: () => readonly Account[];
  readonly operations: Pick<OperationsStore, 'hit' | 'clear' | 'mark' | 'marked'>;
  /** Absent: nothing is measured. */
  readonly meter?: LoginMeter;
}

/**
 * Lets people in by name and password. Failures are counted in the store, so for all replicas; that a name exists cannot be
 * told from the answer, its time, or when it is refused.
 */
export class Login {
  readonly #options: LoginOptions;
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  /**
   * The account.
   * @param address where the request came from
   * Throws `auth.invalid`, `auth.throttled`, `StoreUnavailable`.
   */
  async check(name: string, password: string, address: string): Promise<Account> {
    const { meter } = this.#options;
    try {
      const account = await this.#check(name, password, address);
      meter?.login('done');
      return account;
    } catch (error) {
      const code = error instanceof AppError ? error.code : undefined;
      if (code === 'auth.invalid') meter?.login('refused');
      if (code === 'auth.throttled') meter?.login('throttled');
      throw error;
    }
  }

  async #check(name: string, password: string, address: string): Promise<Account> {
    const place = JSON.stringify([name, address]);
    const known = keyOf('known', place);
    await this.#turn();
    try {
      const isKnown = await this.#options.operations.marked(known);
      const [anywhere, here] = [keyOf('account', name), keyOf('place', place)];
      const subjects = { account: isKnown ? here : anywhere, address: keyOf('address', address) };
      for (const subject of Object.values(subjects)) await this.#refuseBlocked(subject);
      const { accounts, operations } = this.#options;
      const account = accounts().find((one) => one.name === name);
      if (await matches(account, password, accounts())) {
        for (const subject of [anywhere, here]) await operations.clear(subject);
        await operations.mark(known, KNOWN_MS);
        return account as Account;
      }
      for (const [kind, subject] of Object.entries(subjects)) {
        const failures = await operations.hit(subject, WINDOW_MS);
        if (failures >= LIMIT[kind as keyof typeof LIMIT]) await operations.mark(`${subject}:blocked`, WINDOW_MS);
      }
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#busy -= 1;
    }
    throw new AppError('auth.invalid', 'Name or password is wrong');
  }

  async #refuseBlocked(subject: string): Promise<void> {
    if (!(await this.#options.operations.marked(`${subject}:blocked`))) return;
    throw tooMany('Too many attempts failed: try again in five minutes', WINDOW_MS / 1000);
  }

  async #turn(): Promise<void> {
    if (this.#busy < AT_ONCE) {
      this.#busy += 1;
      return;
    }
    if (this.#waiting.length >= WAITING) throw tooMany('Too many log in at once: try again', 5);
    await new Promise<void>((resolve) => this.#waiting.push(resolve)); // whoever is done hands over
  }
}

const tooMany = (message: string, retryAfter: number) => new AppError('auth.throttled', message, { retryAfter });

/** Of one length, whatever somebody sends as a name. */
const keyOf = (kind: string, value: string): string =>
  `admin:login:${kind}:${createHash('sha256').update(value).digest('base64url').slice(0, 22)}`;

/** Takes as long for an account that is not there, or whose password is in a file of its own, as for any other. */
async function matches(account: Account | undefined, given: string, all: readonly Account[]): Promise<boolean> {
  const password = account?.password;
  const hashes = all.flatMap((one) => ('hash' in one.password ? [one.password.hash] : []));
  const hash = password && 'hash' in password ? password.hash : (hashes[0] ?? NOBODY);
  const isRight = await verifyPassword(given, hash);
  if (!password) return false;
  return 'hash' in password ? isRight : isSame(given, password.plain);
}

/** In a time that does not depend on where they differ. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text.normalize('NFC')).digest();
  return timingSafeEqual(digest(a), digest(b));
}
