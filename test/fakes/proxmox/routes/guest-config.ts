import { died } from '../failure.ts';
import type { Context, Parameters } from '../router.ts';
import { DISK, digestOf, diskSize, type GuestConfig, type GuestType, type Row, type SimGuest } from '../state.ts';
import { assertUnlocked } from './power.ts';

const GIB = 2 ** 30;

/** Settings that both kinds have. */
const COMMON: Parameters = {
  cores: 'integer',
  cpulimit: 'number',
  cpuunits: 'integer',
  description: 'string',
  onboot: 'boolean',
  protection: 'boolean',
  tags: 'string',
  nameserver: 'string',
  searchdomain: 'string',
  startup: 'string',
  ostype: 'string',
  'net[n]': 'string',
};

export const SETTINGS: Readonly<Record<GuestType, Parameters>> = {
  qemu: {
    ...COMMON,
    name: 'string',
    memory: 'string',
    balloon: 'integer',
    sockets: 'integer',
    cpu: 'string',
    agent: 'string',
    bios: 'string',
    boot: 'string',
    machine: 'string',
    scsihw: 'string',
    ciuser: 'string',
    cipassword: 'string',
    sshkeys: 'string',
    'ipconfig[n]': 'string',
    'scsi[n]': 'string',
    'virtio[n]': 'string',
    'sata[n]': 'string',
    'ide[n]': 'string',
  },
  lxc: {
    ...COMMON,
    hostname: 'string',
    memory: 'integer',
    swap: 'integer',
    features: 'string',
    rootfs: 'string',
    unprivileged: 'boolean',
    'mp[n]': 'string',
  },
};

export const CREATE: Parameters = {
  vmid: 'integer!',
  pool: 'string',
  start: 'boolean',
  storage: 'string',
  unique: 'boolean',
  force: 'boolean',
};

export function createParams(type: GuestType): Parameters {
  return type === 'qemu'
    ? { ...SETTINGS.qemu, ...CREATE, archive: 'string' }
    : {
        ...SETTINGS.lxc,
        ...CREATE,
        ostemplate: 'string!',
        restore: 'boolean',
        password: 'string',
        'ssh-public-keys': 'string',
      };
}

/** Measurements, one a minute. */
export const points = (now: number): Row[] =>
  Array.from({ length: 5 }, (_, index) => ({
    time: Math.floor(now / 1000) - 60 * (4 - index),
    cpu: 0.1,
    mem: GIB,
    maxmem: 4 * GIB,
  }));

/** `status/current`: a container says its number as a text. */
export function currentOf(guest: SimGuest): Row {
  const { config, status, type, vmid } = guest;
  const running = status === 'running';
  const shared = {
    status,
    name: type === 'qemu' ? config.name : config.hostname,
    cpus: Number(config.cores ?? 1),
    cpu: running ? 0.25 : 0,
    mem: running ? Math.min(GIB, Number(config.memory ?? 512) * 2 ** 19) : 0,
    maxmem: Number(config.memory ?? 512) * 2 ** 20,
    maxdisk: sizesOf(config),
    uptime: running ? 90_061 : 0,
    ha: guest.ha === undefined ? { managed: 0 } : { managed: 1, state: guest.ha },
    ...(config.tags !== undefined && { tags: config.tags }),
    ...(guest.lock !== undefined && { lock: guest.lock }),
    ...(config.template !== undefined && { template: 1 }),
  };
  if (type === 'lxc') return { ...shared, type, vmid: String(vmid), disk: GIB, swap: 0, maxswap: 2 ** 29 };
  return {
    ...shared,
    vmid,
    disk: 0,
    qmpstatus: guest.paused ? 'paused' : status,
    ...(config.agent !== undefined && { agent: 1 }),
  };
}

export const sizesOf = (config: GuestConfig): number =>
  Object.entries(config).reduce((sum, [key, value]) => (DISK.test(key) ? sum + diskSize(value) : sum), 0);

export const configOf = ({ config }: SimGuest): Row => ({ ...config, digest: digestOf(config) });

export function assertDigest({ config }: SimGuest, digest: string | undefined): void {
  if (digest !== undefined && digest !== digestOf(config))
    throw died('detected modified configuration - file changed by other user? Try again.');
}

export function setConfig(guest: SimGuest, { state, all, values }: Context, type: GuestType): null {
  assertUnlocked(guest);
  assertDigest(guest, values.digest);
  for (const key of (values.delete ?? '').split(',').filter(Boolean)) {
    const value = guest.config[key];
    delete guest.config[key];
    if (value !== undefined && DISK.test(key) && !key.startsWith('unused')) keepUnused(guest, String(value));
    if (value !== undefined && key.startsWith('unused')) state.volumes.delete(String(value).split(',')[0] ?? '');
  }
  for (const [key, value] of all)
    if (key !== 'delete' && key !== 'digest') guest.config[key] = valueMade(key, value, guest, type);
  return null;
}

export function keepUnused(guest: SimGuest, value: string): void {
  const free = [0, 1, 2, 3, 4, 5].find((one) => guest.config[`unused${one}`] === undefined) ?? 9;
  guest.config[`unused${free}`] = value.split(',')[0] ?? '';
}

/** What `STORAGE:GIB` becomes. */
export function valueMade(key: string, value: string, guest: Pick<SimGuest, 'vmid'>, type: GuestType): string | number {
  const [, storage, gib, rest = ''] = /^([^:,]+):(\d+)((?:,.*)?)$/.exec(value) ?? [];
  if (!DISK.test(key) || gib === undefined) return /^\d+$/.test(value) ? Number(value) : value;
  const name = type === 'qemu' ? 'vm' : 'subvol';
  return `${storage}:${name}-${guest.vmid}-disk-${key}${rest},size=${gib}G`;
}
