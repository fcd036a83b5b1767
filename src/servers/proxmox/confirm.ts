import { type ClientCapabilities, ElicitResultSchema, type ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import type * as z from 'zod';
import { AppError, messageOf } from '../../core/errors.ts';
import type { ChangeView } from './proposal.ts';

/** How long a person may think, milliseconds. */
const PATIENCE_MS = 600_000;
/** How many changes a question names; the plan has them all. */
const NAMED = 20;

/** Asks the client something, as a part of the call that is running (MCP 2025-11-25, client/elicitation). */
export type Ask = <S extends z.ZodType>(
  request: ServerRequest,
  schema: S,
  options: { readonly timeout: number; readonly signal: AbortSignal },
) => Promise<z.output<S>>;

/** True for a client that can show a person a form. An empty object means forms too (client/elicitation, "Capabilities"). */
export function canAsk({ elicitation }: ClientCapabilities): boolean {
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
}

/**
 * Has a person agree to changes. No argument of a call can do that: a model sets those.
 * @throws AppError `params.invalid` if nobody agrees
 */
export async function confirm(
  ask: Ask,
  server: string,
  changes: readonly ChangeView[],
  signal: AbortSignal,
): Promise<void> {
  const named = changes
    .slice(0, NAMED)
    // One line each: what others have written into names and comments must not look like a part of the question.
    .map((one) =>
      `- ${one.action}: ${one.target}${one.impact ? ` (${one.impact})` : ''}`.replace(/[\s\p{Cc}]+/gu, ' '),
    );
  const more = changes.length > NAMED ? [`- and ${changes.length - NAMED} more`] : [];
  const answer = await ask(
    {
      method: 'elicitation/create',
      params: {
        message: [`This is going to be done on Proxmox server "${server}":`, ...named, ...more].join('\n'),
        requestedSchema: {
          type: 'object',
          properties: {
            confirm: { type: 'boolean', title: 'Do it', description: 'It cannot be undone', default: false },
          },
          required: ['confirm'],
        },
      },
    },
    ElicitResultSchema,
    { timeout: PATIENCE_MS, signal },
  ).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new AppError('params.invalid', `Nobody could be asked (${messageOf(cause)}). Nothing was changed`, { cause });
  });
  if (answer.action === 'accept' && answer.content?.confirm === true) return;
  throw new AppError('params.invalid', 'The person who was asked did not agree. Nothing was changed');
}
