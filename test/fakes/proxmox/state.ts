import { createHash } from 'node:crypto';
import { died } from './failure.ts';

export type GuestType = 'qemu' | 'lxc';
export type GuestConfig = Record<string, string | number>;

export interface SimSnapshot {
  readonly name: string;
  /** Seconds since the epoch. */
  readonly snaptime: number;
  readonly description: string;
  readonly parent?: string;
  readonly vmstate?: boolean;
  readonly config: GuestConfig;
}

export interface SimGuest {
  readonly vmid: number;
  readonly type: GuestType;
  node: string;
  status: 'running' | 'stopped';
  paused: boolean;
  lock: string | undefined;
  pool: string | undefined;
  /** State under high availability; undefined: not under it. */
  ha: string | undefined;
  /** The QEMU guest agent answers. */
  agentRuns: boolean;
  config: GuestConfig;
  snapshots: SimSnapshot[];
  /** Files in the guest, as its agent sees them. */
  readonly files: Map<string, string>;
}

export interface SimVolume {
  readonly volid: string;
  readonly storage: string;
  /** On a storage that nodes do not share. */
  readonly node?: string;
  readonly content: string;
  readonly format: string;
  readonly size: number;
  readonly ctime: number;
  readonly vmid?: number;
  readonly subtype?: GuestType;
  notes?: string;
  protected?: boolean;
  /** Of a backup: the configuration of the guest. */
  readonly config?: GuestConfig;
}

export interface SimStorage {
  readonly storage: string;
  readonly type: string;
  readonly content: readonly string[];
  readonly shared: boolean;
  readonly nodes: readonly string[];
  /** Can keep snapshots of disks. */
  readonly snapshots: boolean;
  readonly total: number;
  readonly used: number;
}

export type Row = Record<string, unknown>;

/** Everything that a cluster is, and remembers. */
export interface State {
  /** Name of the cluster; undefined: a single node. */
  readonly cluster: string | undefined;
  readonly nodes: Map<string, 'online' | 'offline'>;
  readonly guests: Map<number, SimGuest>;
  readonly storages: readonly SimStorage[];
  readonly volumes: Map<string, SimVolume>;
  readonly jobs: Map<string, Row>;
  /** Place (`cluster`, `node/pve1`, `qemu/100`) -> rules in their order. */
  readonly firewall: Map<string, Row[]>;
  readonly pools: readonly string[];
}

const sha1 = (value: unknown): string => createHash('sha1').update(JSON.stringify(value)).digest('hex');

export { sha1 as digestOf };

/** A guest by its path; 500 in Proxmox's words if it is not there. */
export function guestAt(state: State, node: string, type: string, vmid: string): SimGuest {
  const guest = state.guests.get(Number(vmid));
  if (guest && guest.node === node && guest.type === type) return guest;
  const file = `nodes/${node}/${type === 'qemu' ? 'qemu-server' : 'lxc'}/${vmid}.conf`;
  throw died(`Configuration file '${file}' does not exist`);
}

/** A storage as a node sees it. */
export function storageAt(state: State, node: string, name: string): SimStorage {
  const storage = state.storages.find((one) => one.storage === name);
  if (!storage) throw died(`storage '${name}' does not exist`);
  if (!storage.nodes.includes(node)) throw died(`storage '${name}' is not available on node '${node}'`);
  return storage;
}

export const shortType = (type: GuestType): 'VM' | 'CT' => (type === 'qemu' ? 'VM' : 'CT');

/** Keys of a configuration that are disks. */
export const DISK = /^(ide|sata|scsi|virtio|mp|unused)\d+$|^rootfs$/;

/** `size=8G` of a disk, bytes. */
export function diskSize(value: string | number): number {
  const [, number, unit = ''] = /size=(\d+)([KMGT]?)/.exec(String(value)) ?? [];
  return Number(number ?? 0) * 1024 ** ['', 'K', 'M', 'G', 'T'].indexOf(unit);
}
