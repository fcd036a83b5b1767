import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The state of a listening socket in /proc/net/tcp (proc_pid_net(5), include/net/tcp_states.h). */
const LISTEN = '0A';

/** Local addresses, in the kernel's hexadecimal, of the TCP sockets on which the process listens. Linux only. */
export function listeningOf(pid: number): string[] {
  const open = new Set(socketsOf(pid));
  return ['tcp', 'tcp6']
    .flatMap((family) => readFileSync(`/proc/net/${family}`, 'utf8').trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTEN && open.has(`socket:[${fields[9]}]`))
    .map((fields) => String(fields[1]));
}

function socketsOf(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).flatMap((fd) => {
    try {
      return [readlinkSync(`${directory}/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
}
