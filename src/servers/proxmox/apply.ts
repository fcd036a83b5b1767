import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { AppError, messageOf } from '../../core/errors.ts';
import { type Audit, type AuditRecord, SENT } from './audit.ts';
import type { PveClient } from './client.ts';
import { statusOf } from './guests.ts';
import type { ChangeView } from './proposal.ts';
import { PveError } from './pve-error.ts';
import { formOf } from './route.ts';
import { awaitTask, isUpid } from './tasks.ts';
import type { Call, Change, Proposal } from './tool.ts';

/** How long a task is waited for where a tool has no argument for it, milliseconds. */
const WAIT_MS = 50_000;
/** How many changes that do not depend on each other run at once. */
const AT_ONCE = 4;
/** How long a guest is looked at until it has the state that a finished task promised, milliseconds. */
const SETTLE_MS = 30_000;
const SETTLE_POLL_MS = 1000;

/** What is said of each change in the audit record. */
export type AuditedCall = Pick<AuditRecord, 'client' | 'tool'> & Partial<Pick<AuditRecord, 'confirmed'>>;

/** Makes the changes of proposals that passed the gate; the only place that does. */
export class Applier {
  readonly #client: PveClient;
  readonly #audit: Audit;
  readonly #about: AuditedCall;

  constructor(client: PveClient, audit: Audit, about: AuditedCall) {
    this.#client = client;
    this.#audit = audit;
    this.#about = about;
  }

  /** All changes, those that depend on each other in their order. One that fails leaves the others alone. */
  async apply(call: Call, { changes, waitMs = WAIT_MS }: Proposal): Promise<ChangeView[]> {
    const views: ChangeView[] = [];
    const chains = chainsOf(changes);
    const work = async () => {
      for (let chain = chains.shift(); chain; chain = chains.shift()) {
        let failed = false;
        for (const { change, index } of chain) {
          const view: ChangeView = failed ? skipped(change, call.signal) : await this.#one(call, change, waitMs);
          views[index] = view;
          failed = view.outcome !== 'done' && view.outcome !== 'warnings';
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return views;
  }

  async #one(call: Call, change: Change, waitMs: number): Promise<ChangeView> {
    if (call.signal.aborted) return skipped(change, call.signal);
    const record = { id: randomUUID(), ...this.#recordOf(change) };
    const refusal = await this.#record(call, { ...record, result: SENT });
    if (refusal !== undefined) return { ...viewOf(change, 'failed'), message: refusal };
    const view = await this.#make(call, change, waitMs);
    const { outcome: result, upid, message } = view;
    const end = { ...(upid === undefined ? {} : { upid }), ...(message === undefined ? {} : { message }) };
    const lost = await this.#record(call, { ...record, result, ...end });
    return lost === undefined ? view : { ...view, message: [message, lost].filter(Boolean).join('. ') };
  }

  /** Why the audit record could not be written; undefined if it was. */
  async #record(call: Call, record: Omit<AuditRecord, 'time'>): Promise<string | undefined> {
    const time = new Date(call.clock.now()).toISOString();
    return await this.#audit.append({ time, ...record }).then(() => undefined, messageOf);
  }

  async #make(call: Call, change: Change, waitMs: number): Promise<ChangeView> {
    const view = viewOf(change, 'done');
    let made = false;
    try {
      // A change that was sent is not taken back: cancelling ends the wait for it.
      const data = await this.#client.write(change, z.unknown(), new AbortController().signal);
      made = true;
      if (isUpid(data)) {
        view.upid = data;
        Object.assign(view, waitMs > 0 ? await awaitTask(call, data, waitMs) : { outcome: 'running' });
      }
      if (change.follow && view.outcome === 'done') view.details = { ...(await change.follow(data, call)) };
    } catch (error) {
      Object.assign(view, made ? unfollowed(error, view, call.signal) : failureOf(error));
    }
    const state = made && view.outcome !== 'running' ? await this.#stateAfter(call, change, view) : undefined;
    return state === undefined ? view : { ...view, state };
  }

  /** The guest as it is now. High availability says OK when it was asked, and acts later. */
  async #stateAfter(call: Call, { guest, expect }: Change, view: ChangeView): Promise<string | undefined> {
    if (!guest) return undefined;
    const until = call.clock.now() + (view.outcome === 'failed' ? 0 : SETTLE_MS);
    try {
      for (;;) {
        const { status, qmpstatus } = await statusOf(call, guest);
        const late = call.clock.now() >= until;
        if (expect !== undefined && status !== expect && !late) {
          await call.clock.sleep(SETTLE_POLL_MS, call.signal);
          continue;
        }
        if (expect !== undefined && status !== expect && view.outcome === 'done') {
          Object.assign(view, { outcome: 'running', message: `it was asked to be ${expect}, and is not yet` });
        }
        return qmpstatus !== undefined && qmpstatus !== status ? `${status} (${qmpstatus})` : status;
      }
    } catch {
      // What was done is told anyhow.
      return undefined;
    }
  }

  #recordOf({ action, target, guests, method, path, params = {}, secret = [] }: Change) {
    const shown = Object.fromEntries(
      Object.entries(params).map(([key, value]) => [key, secret.includes(key) ? '***' : value]),
    );
    const form = formOf(shown);
    return {
      who: this.#client.identity,
      server: this.#client.name,
      ...this.#about,
      action,
      target,
      guests,
      request: `${method} ${path}${form && ` ${form}`}`,
    };
  }
}

/** A change that depends on the one before is in its chain. */
function chainsOf(changes: readonly Change[]): { change: Change; index: number }[][] {
  const chains: { change: Change; index: number }[][] = [];
  for (const [index, change] of changes.entries()) {
    const last = chains.at(-1);
    if (change.dependent && last) last.push({ change, index });
    else chains.push([{ change, index }]);
  }
  return chains;
}

/** What is shown of a change. */
export function viewOf({ target, action, destructive, impact }: Change, outcome: ChangeView['outcome']): ChangeView {
  return { target, action, destructive, ...(impact === undefined ? {} : { impact }), outcome };
}

function skipped(change: Change, signal: AbortSignal): ChangeView {
  const message = signal.aborted ? 'the call was cancelled' : 'what it depends on did not succeed';
  return { ...viewOf(change, 'skipped'), message };
}

/** The change was accepted, and what failed is the look at what became of it. */
function unfollowed(
  error: unknown,
  { upid }: ChangeView,
  signal: AbortSignal,
): Pick<ChangeView, 'outcome' | 'message'> {
  const why = signal.aborted ? 'the call was cancelled' : messageOf(error);
  return upid === undefined
    ? { outcome: 'unknown', message: `it was begun, and cannot be followed: ${why}` }
    : { outcome: 'running', message: `its task goes on, and is not waited for: ${why}` };
}

function failureOf(error: unknown): Pick<ChangeView, 'outcome' | 'message'> {
  const known = error instanceof AppError && !(error instanceof PveError && error.lost);
  return { outcome: known ? 'failed' : 'unknown', message: messageOf(error) };
}
