import type { OpenedSession } from '../../src/core/api.ts';

/** A deployment to which faults are done. Disposal takes all of it away. */
export interface Place extends AsyncDisposable {
  /** Of its balancer. */
  readonly url: string;
  /** A session of a new terminal with a workspace of its own; `ledger` is the path of what its server writes. */
  open(terminal: string): Promise<OpenedSession & { readonly ledger: string }>;
  /** Ids of its sessions. */
  sessions(): Promise<string[]>;
  /** Names of the containers of sessions, whatever their state. */
  instances(): Promise<string[]>;
  /** Ends a session. */
  end(session: string): Promise<void>;
  /** Resolves when every part runs and is healthy. */
  whole(): Promise<void>;
}
