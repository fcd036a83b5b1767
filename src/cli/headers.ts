import type { CliIo } from './io.ts';
import { tokenForTerminal } from './session-access.ts';

/** Writes the HTTP headers that open this terminal's session, as one JSON object. */
export async function headers(io: CliIo): Promise<number> {
  io.stdout.write(`${JSON.stringify({ Authorization: `Bearer ${await tokenForTerminal(io)}` })}\n`);
  return 0;
}
