import * as z from 'zod';
import { type Call, type Effect, fromServer, type Outcome, type Proposal, type Tool } from './tool.ts';

export const isProposal = (result: Outcome | Proposal): result is Proposal => 'changes' in result;

const changeView = z.object({
  target: z.string(),
  action: z.string(),
  destructive: z.boolean(),
  impact: z.string().optional(),
  outcome: z
    .enum(['planned', 'done', 'warnings', 'running', 'failed', 'skipped', 'unknown'])
    .describe('running: its task goes on, see pve_task; unknown: look before you try again'),
  upid: z.string().optional().describe('Its task in Proxmox'),
  message: z.string().optional(),
  state: z.string().optional().describe('State of the guest, read again afterwards'),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type ChangeView = z.output<typeof changeView>;

/** What every tool that changes something answers. */
export const changed = z.object({
  ...fromServer,
  applied: z.boolean().describe('False: nothing was changed; this is a plan, a dry run, or nothing was to be done'),
  changes: z.array(changeView),
  notes: z.array(z.string()),
  plan_token: z
    .string()
    .optional()
    .describe('Call again with the same arguments and this to apply the plan; it can be used once'),
  expires_at: z.string().optional().describe('When the plan ends, ISO 8601'),
  digest: z.string().optional().describe('SHA-256 of the plan and of the configurations that it was made from'),
});
export type Changed = z.output<typeof changed>;

/** How long a call waits for its tasks: by default less than the minute after which most clients give a call up. */
export const waitSeconds = z
  .int()
  .min(0)
  .max(3600)
  .default(50)
  .describe('How long to wait for the task to end; it goes on afterwards, and 0 returns at once with its UPID');

/** An argument of bulk cleanup. */
export const dryRun = z.boolean().default(true).describe('Only show what would go; false makes a plan of it');

type Changing<I extends z.ZodObject> = Pick<Tool, 'name' | 'title' | 'description' | 'operation'> & {
  readonly effects: readonly Effect[];
  readonly idempotent?: boolean;
  readonly input: I;
  /** Fields of an answer that is no proposal. */
  readonly extra?: Readonly<Record<string, z.ZodType>>;
  run(call: Call, args: z.output<I>): Promise<Outcome | Proposal>;
};

/** A tool that proposes changes. */
export function defineChange<I extends z.ZodObject>({ extra, idempotent = false, ...tool }: Changing<I>): Tool {
  return { ...tool, idempotent, output: extra ? changed.extend(extra) : changed };
}
