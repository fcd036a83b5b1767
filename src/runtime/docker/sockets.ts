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
import { AppError, messageOf } from '../../core/errors.ts';
import { isServerName, isSessionId, type ServerName, type SessionId } from '../../core/ids.ts';
import type { InstanceId } from '../../core/runtime.ts';
import { rotateAudit } from '../rotate-audit.ts';

/** Bytes of `sun_path` without its end, on Linux (unix(7)) 107 and elsewhere 103. */
const SOCKET_PATH_MAX = 103;
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

/** Where one instance has its socket. */
export interface Slot {
  readonly id: InstanceId;
  readonly session: SessionId;
  readonly server: ServerName;
  /** Of its own: all of the directories that its container sees. */
  readonly directory: string;
  readonly socket: string;
}

/**
 * The directories of sockets. They belong to the controller's user and to a group that gateways, controller and instances
 * share, so that an instance's user can be another one.
 */
export class Sockets {
  readonly #root: string;
  readonly #group: number;

  /** @param root absolute path, the same for the engine, the controller and the gateways; made when it is first needed */
  constructor(root: string, group: number) {
    this.#root = root;
    this.#group = group;
  }

  /** The slot that `id` names; undefined if it cannot be an id of this runtime's. */
  find(id: InstanceId): Slot | undefined {
    const [session = '', server = '', ...more] = id.split('/');
    if (more.length > 0 || !isSessionId(session) || !isServerName(server)) return undefined;
    const directory = join(this.#root, session, server);
    return { id, session, server, directory, socket: join(directory, 'host.sock') };
  }

  /**
   * Makes the directories of a slot, open for its host to make its socket.
   * @throws AppError `config.invalid` if the root is too long for sockets or not this user's
   */
  prepare(slot: Slot): void {
    const length = Buffer.byteLength(slot.socket);
    if (length > SOCKET_PATH_MAX)
      throw new AppError(
        'config.invalid',
        `The socket ${slot.socket} has a path of ${length} bytes, and a Unix socket may have ${SOCKET_PATH_MAX}: ` +
          'set socketRoot to a shorter directory, or give the server a shorter name',
      );
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
      throw new AppError(
        'config.invalid',
        `The directory ${path} for sockets cannot be used: ${messageOf(cause)}: set socketRoot to a directory of this program's user, and socketGroup to a group of it`,
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
