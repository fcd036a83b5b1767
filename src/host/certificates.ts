/** More hosts than a server is configured with. */
const PEERS = 1000;

/** Until when the certificates are valid that the hosts of one server have shown, each one's last. */
export class Certificates {
  readonly #expiry = new Map<string, number>();

  /** @param expiresAt milliseconds since the epoch */
  saw(peer: string, expiresAt: number): void {
    if (this.#expiry.has(peer) || this.#expiry.size < PEERS) this.#expiry.set(peer, expiresAt);
  }

  /** When the first of them runs out, milliseconds since the epoch; undefined: none was shown. */
  get expiresAt(): number | undefined {
    return this.#expiry.size === 0 ? undefined : Math.min(...this.#expiry.values());
  }
}
