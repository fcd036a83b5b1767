import { textOf } from '../support/mcp-clients.ts';

/** What the calls of a client are made of: an official client, whichever of its versions. */
export interface CallingClient {
  /** It drops a progress notification that comes in one piece with the answer, as after a break (SDK v1, `EventSource`). */
  readonly dropsProgress?: true;
  call(tool: string, args: Record<string, unknown>, onProgress?: (progress: number) => void): Promise<object>;
  close(): Promise<void>;
}

/** One call, and what became of it. */
export interface Call {
  readonly id: string;
  readonly tool: Tool;
  /** Milliseconds: how long its client waited, less what the tool itself takes. */
  readonly waitedMs: number;
  /** What the client was told; undefined: the right answer. */
  readonly error?: string;
  /** What `count` answered. */
  readonly count?: number;
}

const TOOLS = ['short', 'count', 'long', 'progress'] as const;
export type Tool = (typeof TOOLS)[number];

const LONG_MS = { from: 2000, to: 6000 };
const STEPS = 8;
const STEP_MS = 250;

/** A tool: short ones more often. */
export function anyTool(): Tool {
  const dice = Math.random();
  if (dice < 0.35) return 'short';
  if (dice < 0.6) return 'count';
  return dice < 0.8 ? 'long' : 'progress';
}

/** Makes one call; resolves whatever becomes of it. */
export async function make(client: CallingClient, tool: Tool, id: string): Promise<Call> {
  const ms = Math.round(LONG_MS.from + Math.random() * (LONG_MS.to - LONG_MS.from));
  const worksMs = { short: 0, count: 0, long: ms, progress: STEPS * STEP_MS }[tool];
  const progress: number[] = [];
  const began = performance.now();
  const waited = () => ({ id, tool, waitedMs: Math.max(0, performance.now() - began - worksMs) });
  try {
    const args = { id, ...(tool === 'long' ? { ms } : {}), ...(tool === 'progress' ? { steps: STEPS } : {}) };
    const answer = textOf(await client.call(tool, args, (step) => progress.push(step)));
    const error = wrong(tool, id, answer, progress, client.dropsProgress);
    return { ...waited(), ...(error ? { error } : {}), ...(tool === 'count' ? { count: Number(answer) } : {}) };
  } catch (error) {
    return { ...waited(), error: wordsOf(error) };
  }
}

function wrong(
  tool: Tool,
  id: string,
  answer: string,
  progress: readonly number[],
  isCutShort = false,
): string | undefined {
  if (tool === 'count' ? !/^\d+$/.test(answer) : answer !== id) return `wrong answer: ${answer}`;
  const steps = progress.join(' ');
  const all = Array.from({ length: STEPS }, (_, index) => index + 1).join(' ');
  const isRight = isCutShort ? all.startsWith(steps) : steps === all;
  return tool === 'progress' && !isRight ? `progress: ${steps}` : undefined;
}

/** What the client was told, without what differs between its versions and from one time to the next. */
function wordsOf(error: unknown): string {
  const { message, cause } = error as Error;
  const why = cause instanceof Error ? ` (${(cause as NodeJS.ErrnoException).code ?? cause.message})` : '';
  const [, told] = /"error":\{.*?"message":"(.*?)"[,}]/.exec(message) ?? [];
  return (told === undefined ? `${message}${why}` : `HTTP error: ${told}`)
    .replace(/^MCP error -\d+: /, '')
    .replace(/(Redis cannot be used|is not ready yet).*/s, '$1')
    .replaceAll(/\s+/g, ' ')
    .slice(0, 240);
}
