import type { SessionView } from '../core/api.ts';
import type { Clock } from '../core/clock.ts';
import type { ControllerCalls } from '../core/controller-calls.ts';
import type { OperationsStore } from '../core/operations.ts';
import type { People } from '../core/people.ts';
import type { SessionRecord } from '../core/session.ts';
import type { Signals } from '../core/signals.ts';
import type { SessionStore } from '../core/store.ts';
import type { AuditTrail } from '../sessions/audit-trail.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { HealthCheck } from './health.ts';
import type { TokenIdentities } from './identities.ts';
import type { Login } from './login.ts';
import type { PersonTokens } from './person-tokens.ts';

/** What the admin API is made of. */
export interface AdminOptions {
  /** As gateways see it: one that was emptied is waited for. */
  readonly store: Pick<SessionStore, 'list' | 'touch' | 'peek'>;
  readonly operations: OperationsStore;
  readonly sessions: Pick<Sessions, 'get' | 'setServer'>;
  readonly signals: Pick<Signals, 'publish'>;
  readonly controller: ControllerCalls;
  /** What people see of a session; undefined: it is over by now. */
  readonly view: (record: SessionRecord) => Promise<SessionView | undefined>;
  readonly health: HealthCheck;
  readonly login: Login;
  readonly tokens: PersonTokens;
  readonly identities: TokenIdentities;
  /** As they are now. */
  readonly people: () => People;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  /** When this process began, milliseconds since the epoch. */
  readonly startedAt: number;
  readonly version: string;
  /** Effective configuration, without secrets. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** A path of `/sse`, and so on. */
  readonly mcp: { readonly sse: string; readonly messages: string };
}
