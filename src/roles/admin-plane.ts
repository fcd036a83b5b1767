import type { Router } from 'express';
import { createAdmin } from '../admin/admin.ts';
import { HealthCheck } from '../admin/health.ts';
import { TokenIdentities } from '../admin/identities.ts';
import { Login } from '../admin/login.ts';
import type { AdminOptions } from '../admin/options.ts';
import { PersonTokens } from '../admin/person-tokens.ts';
import { openPeople } from '../config/people-file.ts';
import { openSigningKeys } from '../config/signing-keys.ts';
import type { ControllerCalls } from '../core/controller-calls.ts';
import type { Identities } from '../core/people.ts';
import type { SessionStore } from '../core/store.ts';
import { AuditTrail } from '../sessions/audit-trail.ts';
import { deriveKey } from '../sessions/keys.ts';
import { masked } from './masked.ts';
import type { Parts } from './parts.ts';

/** What the data plane has that people look at and act on. */
export interface AdminPlaneUse extends Pick<AdminOptions, 'sessions' | 'view' | 'mcp'> {
  /** As it is: one that lost its records is not waited for. */
  readonly rawStore: SessionStore;
  readonly controller: ControllerCalls;
  readonly here: () => { readonly draining: boolean; readonly sessions: number };
}

/** People, and what they may do. */
export interface AdminPlane {
  readonly admin: Router;
  readonly identities: Identities;
  readonly audit: AuditTrail;
  readonly health: HealthCheck;
}

/** @throws AppError `config.invalid` for files of accounts and keys that cannot be used */
export function adminPlane(parts: Parts, { rawStore, here, ...use }: AdminPlaneUse): AdminPlane {
  const { config, deployment, clock, log } = parts;
  const { accounts: accountsFile, adminPassword, adminKeys } = config.secrets;
  const people = openPeople(
    {
      state: config.state,
      ...(accountsFile ? { accounts: accountsFile } : {}),
      ...(adminPassword ? { adminPassword } : {}),
    },
    deployment.key,
    log,
    parts.onReread,
  );
  const keys = openSigningKeys(
    { state: config.state, ...(adminKeys ? { given: adminKeys } : {}) },
    deriveKey(deployment.key, 'people'),
    log,
  );
  const accounts = () => people.value.accounts;
  const tokens = new PersonTokens({ ...parts, keys: () => keys.value, accounts });
  const identities = new TokenIdentities(tokens, () => people.value, clock);
  const audit = new AuditTrail(parts);
  const health = new HealthCheck({ ...parts, store: rawStore, capacity: config.instances.inAll, here });
  const admin = createAdmin({
    ...parts,
    ...use,
    health,
    tokens,
    identities,
    audit,
    login: new Login({ ...parts, accounts, meter: parts.gatewayMeter }),
    people: () => people.value,
    startedAt: clock.now(),
    configuration: masked(config),
  });
  return { admin, identities, audit, health };
}
