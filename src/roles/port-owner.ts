import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** A process that listens on a TCP port of this machine. */
export interface PortOwner {
  readonly pid: number;
  /** Name of its program. Not its arguments, which may hold secrets. */
  readonly program: string;
}

/** `st` of a listening socket in /proc/net/tcp (linux/include/net/tcp_states.h: TCP_LISTEN). */
const LISTENING = '0A';

/**
 * Who listens on `port`, as far as this user may see it: on Linux by /proc (proc(5): /proc/net/tcp, /proc/pid/fd);
 * undefined elsewhere, and for a process of another user.
 */
export function portOwner(port: number, proc = '/proc'): PortOwner | undefined {
  const sockets = new Set(
    ['tcp', 'tcp6'].flatMap((table) =>
      listeningSockets(
        orElse(() => readFileSync(`${proc}/net/${table}`, 'utf8'), ''),
        port,
      ),
    ),
  );
  if (sockets.size === 0) return undefined;
  for (const pid of orElse(() => readdirSync(proc), []).filter((name) => /^\d+$/.test(name))) {
    const open = orElse(() => readdirSync(`${proc}/${pid}/fd`), []);
    if (open.some((fd) => sockets.has(orElse(() => readlinkSync(`${proc}/${pid}/fd/${fd}`), ''))))
      // Not `comm`: it is the name of the main thread, which Node calls "MainThread".
      return { pid: Number(pid), program: orElse(() => basename(readlinkSync(`${proc}/${pid}/exe`)), '?') };
  }
  return undefined;
}

/** Links that /proc/pid/fd has for the sockets of `table` that listen on `port`. */
function listeningSockets(table: string, port: number): string[] {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === LISTENING && Number.parseInt(local?.split(':')[1] ?? '', 16) === port)
    .map((fields) => `socket:[${fields[9]}]`);
}

/** Processes come and go while /proc is read, and some may not be looked at. */
function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
