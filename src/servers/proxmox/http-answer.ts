/** What came back, as it is. */
export interface Answer {
  readonly status: number;
  /** The reason phrase: Proxmox puts its message there. */
  readonly reason: string;
  readonly body: string;
}
