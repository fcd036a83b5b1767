import type { HostAssignment } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import type { ConnectOut } from '../core/server-module.ts';
import { Egress } from './egress.ts';
import { EgressForwarder } from './egress-forwarder.ts';

/** What a server is given to reach its hosts by, and nothing that it could show to anybody else. */
export interface EgressAccess extends AsyncDisposable {
  /** For a module; absent: it connects by itself. */
  readonly connect?: ConnectOut;
  /** For a program: the variables that name its proxy. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * @param socket of the egress proxy; absent: this instance has a network of its own
 * @param secret the instance's
 */
export async function openEgress(
  { egress: allowed, launch }: HostAssignment,
  socket: string | undefined,
  secret: string,
  clock: Clock,
): Promise<EgressAccess> {
  if (!socket || !allowed) return { environment: {}, [Symbol.asyncDispose]: async () => {} };
  const egress = new Egress({ socket, grant: allowed.grant, secret, clock });
  if (launch.kind === 'module') {
    const connect: ConnectOut = (host, port, signal) => egress.connect(host, port, signal);
    return { connect, environment: {}, [Symbol.asyncDispose]: async () => {} };
  }
  const forwarder = await EgressForwarder.start(egress);
  return { environment: forwarder.environment, [Symbol.asyncDispose]: () => forwarder[Symbol.asyncDispose]() };
}
