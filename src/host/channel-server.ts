import type { Logger } from '../core/logger.ts';
import type { CallLedger } from './call-ledger.ts';
import type { Launcher } from './launcher.ts';

/** What a channel's server comes from, what it may know of its client, and which calls it may not be given. */
export interface ChannelServer {
  readonly launcher: Launcher;
  /** False: it is not told of the client's roots, since they would replace the directories that the session allows (D9). */
  readonly clientRoots: boolean;
  /** Undefined: nothing is known of calls of earlier instances. */
  readonly ledger: CallLedger | undefined;
  /** What is done is noted here, never with what. */
  readonly log: Pick<Logger, 'debug' | 'warn'> | undefined;
  /** Called when a request comes again with its key, and is attached to the first one. */
  readonly onReplay: () => void;
}

/** `initialize` parameters of a client that has no roots. */
export function withoutRoots(initialize: Buffer): Buffer {
  const params = JSON.parse(initialize.toString()) as { capabilities?: Record<string, unknown> };
  const { roots: _, ...capabilities } = params.capabilities ?? {};
  return Buffer.from(JSON.stringify({ ...params, capabilities }));
}
