import type { ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';
import { AppError } from '../../core/errors.ts';
import { Applier, viewOf } from './apply.ts';
import type { Audit } from './audit.ts';
import type { PveClient } from './client.ts';
import { type Ask, canAsk, confirm } from './confirm.ts';
import { digestOf } from './guests.ts';
import { checkLimits } from './limits.ts';
import type { Plan, Plans } from './plans.ts';
import { type Changed, type ChangeView, isProposal } from './proposal.ts';
import type { Operation } from './schema.ts';
import type { Settings } from './settings.ts';
import type { Call, Change, Effect, Outcome, Proposal, Tool } from './tool.ts';

const FILE = 'proxmox-config.json';

/** Who calls: what the gate and its record need to know of the MCP client. */
export interface Caller {
  /** Name and version, as it says itself. */
  readonly client: string;
  readonly capabilities: ClientCapabilities;
  readonly ask: Ask;
}

export interface GateContext {
  readonly settings: Settings;
  readonly audit: Audit;
  readonly plans: Plans;
}

/** The one way from a tool to a change: every call of every tool passes here, and what is not allowed ends here. */
export class Gate {
  readonly #settings: Settings;
  readonly #audit: Audit;
  readonly #plans: Plans;

  constructor({ settings, audit, plans }: GateContext) {
    this.#settings = settings;
    this.#audit = audit;
    this.#plans = plans;
  }

  /** What of a tool this session may use; nothing: it is not listed, and refused. */
  effectsOf({ operation, effects }: Tool): readonly Effect[] {
    const { allowed, destructive } = this.#settings;
    if (operation === 'derived' ? allowed.size === 0 : !allowed.has(operation)) return [];
    // Of what has its class from its path, nothing but reading is in "monitor".
    const changes = operation !== 'derived' || [...allowed].some((one) => one !== 'monitor');
    return effects.filter((effect) => effect === 'read' || (changes && (effect === 'write' || destructive)));
  }

  /** Why a tool that is not listed is refused. */
  refusalOf({ name, operation }: Tool): string {
    if (operation === 'derived') return notAllowed(name, 'monitor');
    return this.#settings.allowed.has(operation) ? notDestructive(name) : notAllowed(name, operation);
  }

  /**
   * Runs a tool and, if the gates let them pass, makes the changes that it proposes.
   * @param planToken of the call's arguments
   * @throws AppError `params.invalid` for what is not allowed, PveError; the signal's reason if it aborts
   */
  async run(
    tool: Tool,
    args: object,
    planToken: string | undefined,
    call: Call,
    client: PveClient,
    caller: Caller,
  ): Promise<Outcome> {
    const propose = () => tool.run(call, args as never);
    const result = await propose();
    if (!isProposal(result)) return result;
    const destructive = await this.#admit(tool, call, result);
    if (result.changes.length === 0 || result.dryRun) return shown(call.server, result, views(result.changes));
    const about = { client: caller.client, tool: tool.name };
    if (!destructive) {
      return shown(call.server, result, await new Applier(client, this.#audit, about).apply(call, result), true);
    }
    const key = digestOf([tool.name, call.server, args]);
    if (planToken === undefined) return planned(call.server, result, this.#plans.make(key, planDigest(result)));
    const plan = this.#plans.take(planToken, key);
    unchanged(plan, result);
    const asked = canAsk(caller.capabilities);
    if (asked) await confirm(caller.ask, call.server, views(result.changes), call.signal);
    // A person may think for minutes.
    const now = asked ? await propose() : result;
    if (!isProposal(now)) return now;
    unchanged(plan, now);
    await this.#admit(tool, call, now);
    const applier = new Applier(client, this.#audit, { ...about, confirmed: asked ? 'person' : 'plan' });
    return shown(call.server, now, await applier.apply(call, now), true);
  }

  /** True if something of it is destructive. */
  async #admit(tool: Tool, call: Call, { changes, needs = [] }: Proposal): Promise<boolean> {
    const effects = this.effectsOf(tool);
    const lacking = needs.find((operation) => !this.#settings.allowed.has(operation));
    if (lacking !== undefined) throw new AppError('params.invalid', notAllowed('This call', lacking));
    const destructive = changes.some((change) => change.destructive);
    if (destructive && !effects.includes('destructive'))
      throw new AppError('params.invalid', notDestructive('What this call does'));
    // A tool that was not declared to change anything changes nothing.
    if (changes.length > 0 && !effects.some((effect) => effect !== 'read'))
      throw new Error(`${tool.name} only reads, and proposed a change`);
    await checkLimits(this.#settings, call, changes);
    return destructive;
  }
}

const notAllowed = (what: string, operation: Operation): string =>
  `${what} is not allowed here: "security.allowed_operations" in ${FILE} does not name "${operation}"`;

const notDestructive = (what: string): string =>
  `${what} is not allowed here: it is destructive, and "security.enable_destructive_operations" in ${FILE} is false`;

const views = (changes: readonly Change[]): ChangeView[] => changes.map((change) => viewOf(change, 'planned'));

/** Of all that a plan says and rests on. */
function planDigest({ changes, basis }: Proposal): string {
  return digestOf([changes.map(({ method, path, params, impact }) => [method, path, params, impact]), basis]);
}

function unchanged({ digest }: Plan, proposal: Proposal): void {
  if (digest === planDigest(proposal)) return;
  throw new AppError(
    'params.invalid',
    'What this plan was made from has changed since, so it was not applied. Call again without plan_token to make a new one',
  );
}

function planned(server: string, proposal: Proposal, { token, expiresAt, digest }: Plan): Outcome {
  const { structured, text } = shown(server, proposal, views(proposal.changes));
  const expires_at = new Date(expiresAt).toISOString();
  const how = `Nothing was changed yet. To apply this plan, call again with the same arguments and plan_token "${token}" before ${expires_at}`;
  return { structured: { ...structured, plan_token: token, expires_at, digest }, text: `${text}\n${how}` };
}

function shown(server: string, proposal: Proposal, changes: ChangeView[], applied = false): Outcome {
  const structured: Changed = { server, applied, changes, notes: [...(proposal.notes ?? [])] };
  const head =
    changes.length === 0
      ? 'Nothing is to be done'
      : applied
        ? ''
        : proposal.dryRun
          ? 'Dry run: nothing was changed'
          : 'Plan:';
  const lines = changes.map((one) => {
    const parts = [
      `${one.target}: ${one.action}`,
      one.outcome,
      one.impact,
      one.message,
      one.state && `now ${one.state}`,
    ];
    return parts.filter((part) => part && part !== 'planned').join(', ');
  });
  return { structured, text: [head, ...lines, ...structured.notes].filter(Boolean).join('\n') };
}
