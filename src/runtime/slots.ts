import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '../core/errors.ts';
import { isServerName, isSessionId, type ServerName, type SessionId } from '../core/ids.ts';
import type { InstanceId } from '../core/runtime.ts';
import { rotateAudit } from './rotate-audit.ts';

/** Setgid: what is made in it belongs to the group. While its host starts, the group may write to it. */
const OPEN = 0o2770;
/** Afterwards it may not: a server in the instance could fill the disk of the machine. */
const CLOSED = 0o2750;
/** The same for the files that a host opens while it starts. */
const FILE_OPEN = 0o660;
const FILE_CLOSED = 0o640;

/** Name of the file with which calls a slot's hosts were given: each finds there what the one before it has left. */
export const LEDGER = 'calls';
/** Name of the file with what a slot's servers changed (core/audit-log.ts); with `.1` behind it, the file before. */
export const AUDIT = 'audit';
/** What an instance leaves to the next one. */
const LEFT: ReadonlySet<string> = new Set([LEDGER, AUDIT, `${AUDIT}.1`]);

/** Where one instance of a container or Pod keeps what the controller sees too. */
export interface Slot {
  readonly id: InstanceId;
  readonly session: SessionId;
  readonly server: ServerName;
  /** Of its own: all of the directories that its container sees. */
  readonly directory: string;
}

export interface SlotsOptions {
  /** Absolute path; made when it is first needed. */
  readonly root: string;
  /** Id of a group that controller and instances share. */
  readonly group: number;
  /** Names of the settings that these two come from, for people. */
  readonly settings: { readonly root: string; readonly group: string };
}

/**
 * The directories of instances. They belong to the controller's user and to a group that it shares with the instances, so that
 * an instance's user can be another one.
 */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #root: string;
  readonly #group: number;

  constructor(options: SlotsOptions) {
    this.#options = options;
    this.#root = options.root;
    this.#group = options.group;
  }

  /** The slot that `id` names; undefined if it cannot be an id of this runtime's. */
  find(id: InstanceId): Slot | undefined {
    const [session = '', server = '', ...more] = id.split('/');
    if (more.length > 0 || !isSessionId(session) || !isServerName(server)) return undefined;
    const directory = join(this.#root, session, server);
    return { id, session, server, directory };
  }

  /**
   * Makes the directories of a slot, open for its host to make files there.
   * @throws AppError `config.invalid` if the root is not this user's
   */
  prepare(slot: Slot): void {
    // The egress proxy, of the same group, has its directory here too.
    this.#directory(this.#root, OPEN);
    this.#directory(join(this.#root, slot.session), CLOSED);
    this.#directory(slot.directory, OPEN);
    rotateAudit(join(slot.directory, AUDIT));
    for (const name of [LEDGER, AUDIT]) this.#makeFile(join(slot.directory, name), FILE_OPEN);
  }

  /** Nothing more can be made in a slot's directory. */
  close(slot: Slot): void {
    chmodSync(slot.directory, CLOSED);
    for (const name of [LEDGER, AUDIT]) this.#makeFile(join(slot.directory, name), FILE_CLOSED);
  }

  /** Removes what is of one instance. What it leaves to the next one goes with the session. */
  remove(slot: Slot): void {
    for (const name of namesIn(slot.directory))
      if (!LEFT.has(name)) rmSync(join(slot.directory, name), { recursive: true, force: true });
  }

  /** Sessions that have directories. */
  sessions(): SessionId[] {
    return namesIn(this.#root).filter(isSessionId);
  }

  /** Removes the directories of a session. */
  forget(session: SessionId): void {
    rmSync(join(this.#root, session), { recursive: true, force: true });
  }

  /** One that is not what it should be is made anew. */
  #makeFile(path: string, mode: number): void {
    if (this.#setFile(path, mode)) return;
    rmSync(path, { recursive: true, force: true });
    this.#setFile(path, mode);
  }

  /** False: it is not a file of this user's. By its descriptor, since an instance could have put a link there. */
  #setFile(path: string, mode: number): boolean {
    const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
    let file: number | undefined;
    try {
      file = openSync(path, O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_RDWR, mode);
      const found = fstatSync(file);
      if (!found.isFile() || found.nlink > 1 || found.uid !== process.geteuid?.()) return false;
      if (found.gid !== this.#group) fchownSync(file, -1, this.#group);
      fchmodSync(file, mode);
      return true;
    } catch {
      return false;
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  /** A link or somebody else's directory is not used: it could lead an instance's socket anywhere. */
  #directory(path: string, mode: number): void {
    try {
      mkdirSync(path, { recursive: true });
      const found = lstatSync(path);
      if (!found.isDirectory()) throw new Error('it is not a directory');
      if (found.uid !== process.geteuid?.()) throw new Error(`it belongs to the user with the id ${found.uid}`);
      if (found.gid !== this.#group) chownSync(path, -1, this.#group);
      if ((found.mode & 0o7777) !== mode || found.gid !== this.#group) chmodSync(path, mode);
    } catch (cause) {
      const { root, group } = this.#options.settings;
      throw new AppError(
        'config.invalid',
        `The directory ${path} of instances cannot be used: ${messageOf(cause)}: set ${root} to a directory of this program's user, and ${group} to a group of it`,
        { cause },
      );
    }
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
