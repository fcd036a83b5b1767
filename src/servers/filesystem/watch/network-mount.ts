import { statfs } from 'node:fs/promises';

/**
 * File systems whose changes inotify does not report when another machine (or the host of this one) makes them, by their
 * magic numbers (linux/magic.h and statfs(2)).
 */
const NETWORKED: ReadonlyMap<number, string> = new Map([
  [0x6969, 'nfs'],
  [0x517b, 'smb'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x01021997, '9p'],
  [0x65735546, 'fuse'],
  [0x00c36400, 'ceph'],
  [0x5346414f, 'afs'],
  [0x6b414653, 'afs'],
  [0x73757245, 'coda'],
  [0x0bd00bd0, 'lustre'],
  [0x01161970, 'gfs2'],
  [0x7461636f, 'ocfs2'],
  [0x786f4256, 'vboxsf'],
  [0xbacbacbc, 'vmhgfs'],
]);

/** The name of the network's file system that `directory` is on; undefined: it is on one of this machine, or cannot be asked. */
export async function networkMountOf(directory: string): Promise<string | undefined> {
  try {
    return NETWORKED.get((await statfs(directory)).type >>> 0);
  } catch {
    return undefined;
  }
}
