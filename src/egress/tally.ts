import { EGRESS_REASONS, type EgressReason } from '../core/egress.ts';

/** What the proxy has done since it began. */
export class Tally {
  /** Connections that were not made, by reason. */
  readonly refused = Object.fromEntries(Object.keys(EGRESS_REASONS).map((reason) => [reason, 0])) as Record<
    EgressReason,
    number
  >;
  /** Connections that were made. */
  connected = 0;
  /** Those that stand now. */
  open = 0;
  /** Bytes from and to instances, of connections that have ended. */
  bytesOut = 0;
  bytesIn = 0;
}
