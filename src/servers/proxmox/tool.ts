import * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { Audited } from './audit.ts';
import type { Write } from './client.ts';
import type { GuestRef } from './guest-ref.ts';
import type { Operation, ServerConfig } from './schema.ts';

/** What a tool answers: `structured` as its output schema says, `text` the short of it for people. */
export interface Outcome {
  readonly structured: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** What a call of a tool may do: read. Whatever it wants changed it proposes, and the gate decides (gate.ts). */
export interface Call {
  /** Name of the Proxmox server. */
  readonly server: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly session: SessionView;
  /** `GET`, as PveClient.get. */
  get<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>>;
  /** A file of the web interface. */
  file(path: string): Promise<string>;
  /** Says how far a long call is, to a client that wants to know. */
  progress(message: string): Promise<void>;
}

/** What a session has besides Proxmox. */
export interface SessionView {
  readonly defaultServer: string;
  readonly servers: readonly ServerView[];
  readonly security: SecurityView;
  /** The records of this session's changes. */
  audit(): Promise<Audited>;
}

/** A Proxmox server of the configuration, without its secrets. */
export interface ServerView extends Pick<ServerConfig, 'verify_ssl' | 'timeout'> {
  readonly name: string;
  readonly origin: string;
  readonly identity: string;
  readonly pinned: boolean;
}

/** `security` of the configuration. */
export interface SecurityView {
  readonly allowed_operations: readonly Operation[];
  readonly enable_destructive_operations: boolean;
  readonly max_vms_per_operation: number;
  readonly max_storage_gb: number;
}

/** One call to Proxmox that changes something, and what there is to know about it. */
export interface Change extends Write {
  /** What is done, as a phrase: `stop`, `delete snapshot "before"`. */
  readonly action: string;
  /** To what: `qemu/100`, `local:backup/...`, `storage/local`. */
  readonly target: string;
  /** Guests that it touches: they count for `max_vms_per_operation`. None: the target counts. */
  readonly guests: readonly number[];
  /** Something is lost, interrupted or run that cannot be taken back: it is planned first, and then applied. */
  readonly destructive: boolean;
  /** What becomes of things, for whoever decides. */
  readonly impact?: string;
  /** Only if the change before it succeeded. */
  readonly dependent?: boolean;
  /** The guest whose state is read again afterwards. */
  readonly guest?: GuestRef;
  /** The state that it shall have then. High availability says OK before it is so. */
  readonly expect?: 'running' | 'stopped';
  /** Waits for what the call began, where that is no task, and says what came of it. */
  readonly follow?: (data: unknown, call: Call) => Promise<Readonly<Record<string, unknown>>>;
  /** Parameters that no record may hold: contents, passwords. */
  readonly secret?: readonly string[];
}

/** What a tool wants changed. Nothing is, before the gate has let it pass. */
export interface Proposal {
  readonly changes: readonly Change[];
  /** What it was made from, such as digests of configurations: a plan holds only while these are the same. */
  readonly basis?: Readonly<Record<string, string>>;
  readonly notes?: readonly string[];
  /** Classes that it needs, where the tool's own does not say it (`derived`). */
  readonly needs?: readonly Operation[];
  /** Only shown. */
  readonly dryRun?: boolean;
  /** How long tasks are waited for, milliseconds. */
  readonly waitMs?: number;
}

/** What a tool can do to what there is. `destructive`: something is lost, interrupted or run that cannot be taken back. */
export type Effect = 'read' | 'write' | 'destructive';

export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** The class that `security.allowed_operations` must name; `derived`: each call has its own (operation-of.ts). */
  readonly operation: Operation | 'derived';
  /** All that it can do, by its arguments. */
  readonly effects: readonly Effect[];
  /** The same call again changes nothing more. */
  readonly idempotent: boolean;
  /** It speaks of this session, not of a Proxmox server, so it has no argument `server`. */
  readonly local?: boolean;
  /** Arguments besides `server` and `plan_token`. */
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  /**
   * @param args checked against `input`
   * @throws PveError, or AppError `params.invalid` where only the answer shows that an argument is wrong
   */
  run(call: Call, args: never): Promise<Outcome | Proposal>;
}

type Reading<I extends z.ZodObject, O extends z.ZodObject> = Pick<
  Tool,
  'name' | 'title' | 'description' | 'operation' | 'local'
> & {
  readonly input: I;
  readonly output: O;
  run(call: Call, args: z.output<I>): Promise<{ readonly structured: z.input<O>; readonly text: string }>;
};

/** A tool that only reads, whose arguments and answer are checked against its schemas by the compiler. */
export function defineTool<I extends z.ZodObject, O extends z.ZodObject>(tool: Reading<I, O>): Tool {
  return { ...tool, effects: ['read'], idempotent: true };
}

/** The part of an answer that says which server it is from. */
export const fromServer = { server: z.string().describe('Name of the Proxmox server that answered') };

/** A part of a host's or guest's means that is in use. */
export const usage = z.object({ used: z.number().optional(), total: z.number().optional() });

/** `used` and `total`, or undefined if neither is known. */
export function usageOf(used: number | undefined, total: number | undefined): z.output<typeof usage> | undefined {
  return used === undefined && total === undefined ? undefined : { used, total };
}
