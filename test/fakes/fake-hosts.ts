import type { HostAssignment, HostControl, HostStatus } from '../../src/core/channel.ts';
import type { Endpoint } from '../../src/core/session.ts';

/** Hosts that take any assignment, unless told otherwise. */
export class FakeHosts implements HostControl {
  readonly configured: { readonly endpoint: Endpoint; readonly secret: string; readonly assignment: HostAssignment }[] =
    [];
  /** By server: what `configure` rejects with. */
  readonly refusals = new Map<string, Error>();
  /** Awaited by `configure` before it is done. */
  gate: Promise<void> = Promise.resolve();
  /** Answer of `status`; `silent`: none ever. */
  condition: Partial<HostStatus> | 'silent' = {};

  async configure(endpoint: Endpoint, secret: string, assignment: HostAssignment): Promise<void> {
    await this.gate;
    const refusal = this.refusals.get(assignment.server);
    if (refusal) throw refusal;
    this.configured.push({ endpoint, secret, assignment });
  }

  async status(): Promise<HostStatus> {
    if (this.condition === 'silent') return new Promise(() => {});
    return { boot: 'b', configured: true, children: 0, channels: 0, restarts: 0, circuit: 'closed', ...this.condition };
  }
}
