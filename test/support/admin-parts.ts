import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdmin } from '../../src/admin/admin.ts';
import { HealthCheck } from '../../src/admin/health.ts';
import { TokenIdentities } from '../../src/admin/identities.ts';
import { Login } from '../../src/admin/login.ts';
import type { AdminOptions } from '../../src/admin/options.ts';
import { PersonTokens } from '../../src/admin/person-tokens.ts';
import type { Account, People, SigningKey } from '../../src/core/people.ts';
import { SessionViews } from '../../src/gateway/api/session-views.ts';
import { AuditTrail } from '../../src/sessions/audit-trail.ts';
import { EmbeddedOperations } from '../../src/store/embedded/operations.ts';
import type { ControlPlane } from './control-plane.ts';

export const PASSWORD = 'correct horse battery';

export const account = (name: string, role: Account['role']): Account => ({
  name,
  role,
  password: { plain: PASSWORD },
  stamp: 's1',
});

/** What the admin API is made of, on a control plane with fakes and a real store of its own. */
export class AdminParts implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'admin-'));
  readonly operations: EmbeddedOperations;
  /** As they are now. */
  people: People = {
    accounts: [account('admin', 'admin'), account('olga', 'operator'), account('dora', 'developer')],
  };
  keys: readonly SigningKey[] = [{ kid: 'one', secret: Buffer.alloc(32, 1) }];
  /** How this replica is. */
  here = { draining: false, sessions: 0 };
  capacity = 1000;
  readonly tokens: PersonTokens;
  readonly identities: TokenIdentities;
  readonly audit: AuditTrail;
  readonly health: HealthCheck;
  readonly options: AdminOptions;
  readonly #plane: ControlPlane;

  constructor(plane: ControlPlane) {
    this.#plane = plane;
    const { clock, log, store } = plane;
    this.operations = new EmbeddedOperations({ path: join(this.#directory, 'operations.db'), clock });
    const { operations } = this;
    const accounts = () => this.people.accounts;
    this.tokens = new PersonTokens({ operations, clock, keys: () => this.keys, accounts });
    this.identities = new TokenIdentities(this.tokens, () => this.people, clock);
    this.audit = new AuditTrail({ operations, clock, log });
    const parts = this;
    const check = {
      ...plane,
      operations,
      here: () => this.here,
      get capacity() {
        return parts.capacity;
      },
    };
    this.health = new HealthCheck(check);
    const views = new SessionViews({ ...plane, statusMs: 500 });
    this.options = {
      operations,
      store,
      clock,
      sessions: plane.sessions,
      signals: plane.signals,
      controller: plane.controller,
      view: (record) => views.of(record),
      health: this.health,
      tokens: this.tokens,
      identities: this.identities,
      audit: this.audit,
      login: new Login({ operations, accounts }),
      people: () => this.people,
      startedAt: clock.now(),
      version: '1.2.3',
      configuration: { store: 'embedded' },
      mcp: { sse: '/sse', messages: '/messages/' },
    };
  }

  /** What the session API needs of it, and of the control plane. */
  get api() {
    const { operations, identities, audit } = this;
    const { sessions, hosts, keys, signals, clock, log } = this.#plane;
    return {
      ...{ sessions, hosts, keys, signals, clock, log },
      ending: new AbortController().signal,
      operations,
      identities,
      audit,
      admin: createAdmin(this.options),
      sessionsPerMinute: 600,
      trustedProxies: [],
      health: () => this.health.lately(),
      machine: 'laptop',
    };
  }

  /** The access token of somebody who has just logged in. */
  tokenOf(name: string): string {
    const found = this.people.accounts.find((one) => one.name === name);
    if (!found) throw new Error(`no account ${name}`);
    return this.tokens.issue(found).access;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.operations[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
