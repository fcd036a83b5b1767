import { died } from '../failure.ts';
import type { Context } from '../router.ts';
import { diskSize, type SimGuest, storageAt } from '../state.ts';
import { assertDigest, keepUnused } from './guest-config.ts';
import { task } from './guest-life.ts';
import { assertUnlocked } from './power.ts';

const GIB = 2 ** 30;

function diskOf(guest: SimGuest, key: string): string {
  const value = guest.config[key];
  if (value === undefined) throw died(`disk '${key}' does not exist`);
  return String(value);
}

export function resize(guest: SimGuest, context: Context): string {
  const { disk = '', size = '', digest } = context.values;
  assertDigest(guest, digest);
  const value = diskOf(guest, disk);
  return task(guest, context, 'resize', () => {
    assertUnlocked(guest);
    const old = diskSize(value);
    const next = size.startsWith('+') ? old + diskSize(`size=${size.slice(1)}`) : diskSize(`size=${size}`);
    if (next < old) throw died('shrinking disks is not supported');
    guest.config[disk] = value.replace(/size=\d+[KMGT]?/, `size=${next / GIB}G`);
  });
}

export function move(guest: SimGuest, context: Context): string {
  const { disk, volume, storage = '', digest } = context.values;
  assertDigest(guest, digest);
  const key = disk ?? volume ?? '';
  const value = diskOf(guest, key);
  storageAt(context.state, guest.node, storage);
  return task(guest, context, guest.type === 'qemu' ? 'qmmove' : 'move_volume', () => {
    guest.config[key] = value.replace(/^[^:]+/, storage);
    if (context.values.delete !== '1') keepUnused(guest, value);
  });
}

export function unlink(guest: SimGuest, { values, state }: Context): null {
  for (const key of (values.idlist ?? '').split(',')) {
    const value = diskOf(guest, key);
    delete guest.config[key];
    if (values.force === '1') state.volumes.delete(value.split(',')[0] ?? '');
    else keepUnused(guest, value);
  }
  return null;
}
