export type GuestType = 'qemu' | 'lxc';

/** A virtual machine (qemu) or container (lxc), and where it is. */
export interface GuestRef {
  readonly vmid: number;
  readonly type: GuestType;
  readonly node: string;
}
