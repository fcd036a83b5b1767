import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError } from '../../core/errors.ts';
import { isServerName, isSessionId, type ServerName, type SessionId } from '../../core/ids.ts';
import type { InstanceId } from '../../core/runtime.ts';
import { rotateAudit } from '../rotate-audit.ts';

/** Bytes of `sun_path` without its end: 104 on macOS and the BSDs, 108 on Linux (unix(7)). */
const SOCKET_PATH_MAX = 103;
const KINDS = ['pids', 'configs', 'logs', 'sockets'] as const;

/** Where one instance has its files. */
export interface Slot {
  readonly id: InstanceId;
  readonly session: SessionId;
  readonly server: ServerName;
  readonly pidFile: string;
  readonly socket: string;
  readonly log: string;
  /** Which calls its hosts were given: each finds there what the one before it has left. */
  readonly ledger: string;
  /** What its servers changed (core/audit-log.ts); with `.1` behind it, the file before. */
  readonly audit: string;
  /** The session's, shared by its servers. */
  readonly configDir: string;
}

/**
 * The directories of the process runtime. All belong to this user alone (0700); one that does not is neither used nor
 * believed, since a forged pid file could name any process as an instance (AppError `config.invalid`).
 */
export class Layout {
  readonly #root: string;

  /** @param root absolute path; made when it is first needed */
  constructor(root: string) {
    this.#root = root;
  }

  slot(session: SessionId, server: ServerName): Slot {
    return {
      id: `${session}/${server}`,
      session,
      server,
      pidFile: join(this.#root, 'pids', session, `${server}.pid`),
      socket: join(this.#root, 'sockets', session, `${server}.sock`),
      log: join(this.#root, 'logs', session, `${server}.log`),
      ledger: join(this.#root, 'sockets', session, `${server}.calls`),
      audit: join(this.#root, 'logs', session, `${server}.audit`),
      configDir: join(this.#root, 'configs', session),
    };
  }

  /** The slot that `id` names; undefined if it cannot be an id of this runtime's. */
  find(id: InstanceId): Slot | undefined {
    this.#distrust();
    const [session = '', server = '', ...more] = id.split('/');
    return more.length === 0 && isSessionId(session) && isServerName(server) ? this.slot(session, server) : undefined;
  }

  /** The slots of `session`, or all, that have a pid file. */
  *occupied(only?: SessionId): Iterable<Slot> {
    this.#distrust();
    for (const session of only === undefined ? namesIn(join(this.#root, 'pids')) : [only]) {
      for (const name of isSessionId(session) ? namesIn(join(this.#root, 'pids', session)) : []) {
        const server = name.endsWith('.pid') ? name.slice(0, -'.pid'.length) : '';
        if (isServerName(server)) yield this.slot(session, server);
      }
    }
  }

  /**
   * Makes the directories of a slot.
   * @throws AppError `config.invalid` if the root is too long for sockets
   */
  prepare(slot: Slot): void {
    const length = Buffer.byteLength(slot.socket);
    if (length > SOCKET_PATH_MAX)
      throw new AppError(
        'config.invalid',
        `The socket ${slot.socket} has a path of ${length} bytes, and a Unix socket may have ${SOCKET_PATH_MAX}: ` +
          'set runtimeRoot to a shorter directory, or give the server a shorter name',
      );
    mkdirSync(dirname(this.#root), { recursive: true });
    ownDirectory(this.#root);
    for (const kind of KINDS) {
      ownDirectory(join(this.#root, kind));
      ownDirectory(join(this.#root, kind, slot.session));
    }
    rotateAudit(slot.audit);
  }

  /** Sessions that have directories. */
  sessions(): ReadonlySet<SessionId> {
    this.#distrust();
    return new Set(KINDS.flatMap((kind) => namesIn(join(this.#root, kind)).filter(isSessionId)));
  }

  #distrust(): void {
    const stats = lstatSync(this.#root, { throwIfNoEntry: false });
    if (stats) refuseForeign(this.#root, stats);
  }

  /** Removes the directories of a session. At one go, so that no start of the same session comes in between. */
  remove(session: SessionId): void {
    for (const kind of KINDS) rmSync(join(this.#root, kind, session), { recursive: true, force: true });
  }
}

/**
 * Makes a directory for this user alone, or makes sure that what is there is one: in a place like /tmp anybody could have
 * put a link or a directory of his own under that name.
 */
function ownDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
    chmodSync(path, 0o700); // whatever the umask took away
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  refuseForeign(path, lstatSync(path));
}

function refuseForeign(path: string, stats: Stats): void {
  const wrong = !stats.isDirectory()
    ? 'is not a directory'
    : stats.uid !== process.getuid?.()
      ? `belongs to the user with the id ${stats.uid}`
      : (stats.mode & 0o077) !== 0
        ? 'is open to other users (chmod 700 closes it)'
        : undefined;
  if (wrong)
    throw new AppError('config.invalid', `${path} ${wrong}: remove it, or set runtimeRoot to another directory`);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
