import * as z from 'zod';
import { AppError } from '../../core/errors.ts';
import { type GuestConfig, urlMetadata, volumes } from './answers.ts';
import type { GuestRef } from './guest-ref.ts';
import { configOf } from './guests.ts';
import { type Params, route, withQuery } from './route.ts';
import type { Call, Change } from './tool.ts';

const GIB = 2 ** 30;
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: GIB, T: 2 ** 40 };

/** Keys of a guest's configuration that are disks. */
const DISK = /^(ide|sata|scsi|virtio|mp)\d+$|^(rootfs|efidisk0|tpmstate0)$/;

/** Bytes of a size as Proxmox writes it: `32G`, `528K`, `4096`; undefined if it is none. */
export function sizeOf(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * (UNITS[unit] ?? 1);
}

/** Disks of a configuration: key -> bytes; those that are no disk of its own (CD-ROM, pass-through) are left out. */
export function disksOf(config: Readonly<Record<string, unknown>>): ReadonlyMap<string, number> {
  const disks = new Map<string, number>();
  for (const [key, value] of Object.entries(config)) {
    if (!DISK.test(key) || typeof value !== 'string' || /(^|,)media=cdrom(,|$)/.test(value)) continue;
    const size = sizeOf(/(?:^|,)size=([^,]+)/.exec(value)?.[1] ?? '');
    if (size !== undefined) disks.set(key, size);
  }
  return disks;
}

const sum = (sizes: Iterable<number>): number => [...sizes].reduce((total, size) => total + size, 0);

/**
 * How much storage a change takes at most, bytes: told from the call itself, whoever makes it.
 * @throws AppError `params.invalid` where that cannot be told, so that no limit is passed unseen
 */
export async function storageTaken(call: Call, { method, path, params = {} }: Change): Promise<number> {
  const [, node = '', type = '', vmid = '', rest = ''] =
    /^\/nodes\/([^/]+)\/(qemu|lxc)(?:\/(\d+))?(\/.*)?$/.exec(path) ?? [];
  if (type !== '') {
    const guest = { node: decodeURIComponent(node), type, vmid: Number(vmid) } as GuestRef;
    return await guestTakes(call, `${method} ${rest}`, guest, params);
  }
  const [, on = '', storage = '', what] =
    /^\/nodes\/([^/]+)\/storage\/([^/]+)\/(content|download-url)$/.exec(path) ?? [];
  if (method !== 'POST' || what === undefined) return 0;
  if (what === 'content') {
    // Here a number alone is KiB (PVE::API2::Storage::Content).
    const size = String(params.size);
    return sizeOf(/\d$/.test(size) ? `${size}K` : size) ?? unknown(`size ${size}`);
  }
  const query = withQuery(`/nodes/${on}/query-url-metadata`, { url: String(params.url) });
  const { size } = await call.get(query, urlMetadata);
  return size ?? unknown(`the size of the file for storage ${storage}`);
}

async function guestTakes(call: Call, what: string, guest: GuestRef, params: Params): Promise<number> {
  const config = () => configOf(call, guest);
  switch (what) {
    case 'POST ':
      if (params.archive !== undefined) return await backupSize(call, guest.node, String(params.archive));
      if (isOn(params.restore)) return await backupSize(call, guest.node, String(params.ostemplate));
      return await allocated(call, guest.node, params);
    case 'POST /config':
    case 'PUT /config':
      return await allocated(call, guest.node, params);
    case 'POST /clone':
      return await cloneSize(await config(), params);
    case 'PUT /resize':
      return await growth(config, String(params.disk), String(params.size));
    case 'POST /move_disk':
    case 'POST /move_volume': {
      if (params.storage === undefined) return 0;
      const disk = String(params.disk ?? params.volume);
      return disksOf(await config()).get(disk) ?? unknown(`the size of disk ${disk}`);
    }
    default:
      return 0;
  }
}

/** A flag as Proxmox reads it (PVE::JSONSchema, `parse_boolean`); a list of one is sent as that one. */
const isOn = (value: Params[string]): boolean => /^(1|on|yes|true)$/i.test(String(value));

/** A linked clone of a template shares its disks. */
async function cloneSize(config: GuestConfig, { full }: Params): Promise<number> {
  const wanted = full === undefined ? undefined : isOn(full);
  return (wanted ?? !config.template) ? sum(disksOf(config).values()) : 0;
}

async function growth(config: () => Promise<GuestConfig>, disk: string, size: string): Promise<number> {
  if (size.startsWith('+')) return sizeOf(size.slice(1)) ?? unknown(`size ${size}`);
  const next = sizeOf(size) ?? unknown(`size ${size}`);
  const now = disksOf(await config()).get(disk) ?? unknown(`the size of disk ${disk}`);
  return Math.max(0, next - now);
}

/** A new volume is `STORAGE:GIB`, at the beginning or, with its name, anywhere; an import says where it is from. */
const NEW = /(?:^|,(?:file|volume)=|^(?:file|volume)=)[^:,=]+:(\d+(?:\.\d+)?)(?:,|$)/;

async function allocated(call: Call, node: string, params: Params): Promise<number> {
  let total = 0;
  const disks = Object.entries(params).flatMap(([key, value]) => (DISK.test(key) ? value : []));
  for (const value of disks) {
    if (typeof value !== 'string') continue;
    const source = /(?:^|,)import-from=([^,]+)/.exec(value)?.[1];
    if (source !== undefined) total += await volumeSize(call, node, source);
    else total += Number(NEW.exec(value)?.[1] ?? 0) * GIB;
  }
  return total;
}

async function volumeSize(call: Call, node: string, volid: string): Promise<number> {
  const [storage = ''] = volid.split(':');
  const all = await call.get(route`/nodes/${node}/storage/${storage}/content`, volumes);
  return all.find((one) => one.volid === volid)?.size ?? unknown(`the size of ${volid}`);
}

/** What the disks of a backed-up guest take once it is restored. */
export async function backupSize(call: Call, node: string, volid: string): Promise<number> {
  const path = withQuery(route`/nodes/${node}/vzdump/extractconfig`, { volume: volid });
  return sum(disksOf(configIn(await call.get(path, z.string()))).values());
}

/** A configuration as its file has it: `key: value`, up to the first snapshot's section (PVE::QemuServer, `parse_vm_config`). */
export function configIn(text: string): Readonly<Record<string, string>> {
  const [own = ''] = text.split(/^\[/m);
  return Object.fromEntries(
    [...own.matchAll(/^([a-z][a-z_]*\d*):\s*(.*\S)\s*$/gm)].map(([, key, value]) => [key, value]),
  );
}

function unknown(what: string): never {
  throw new AppError(
    'params.invalid',
    `Proxmox does not say ${what}, so max_storage_gb cannot be checked, and nothing was changed`,
  );
}
