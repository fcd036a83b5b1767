import * as z from 'zod';
import type { PveClient } from './client.ts';
import type { Operation } from './schema.ts';

/** What a tool answers: `structured` as its output schema says, `text` the short of it for people. */
export interface Outcome {
  readonly structured: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A tool that only reads. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** The class that `security.allowed_operations` must name. */
  readonly operation: Operation;
  /** Arguments besides `server`, which every tool has. */
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  /** @param args checked against `input`
   *  @throws PveError, or AppError `params.invalid` where only the answer shows that an argument is wrong */
  run(client: PveClient, args: never, signal: AbortSignal): Promise<Outcome>;
}

/** A tool whose arguments and answer are checked against its schemas by the compiler. */
export function defineTool<I extends z.ZodObject, O extends z.ZodObject>(
  tool: Omit<Tool, 'input' | 'output' | 'run'> & {
    readonly input: I;
    readonly output: O;
    run(
      client: PveClient,
      args: z.output<I>,
      signal: AbortSignal,
    ): Promise<{ readonly structured: z.input<O>; readonly text: string }>;
  },
): Tool {
  return tool;
}

/** The part of an answer that says which server it is from. */
export const fromServer = { server: z.string().describe('Name of the Proxmox server that answered') };

/** A part of a host's or guest's means that is in use. */
export const usage = z.object({ used: z.number().optional(), total: z.number().optional() });

/** `used` and `total`, or undefined if neither is known. */
export function usageOf(used: number | undefined, total: number | undefined): z.output<typeof usage> | undefined {
  return used === undefined && total === undefined ? undefined : { used, total };
}
