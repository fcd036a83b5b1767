import type { Clock } from '../../core/clock.ts';
import { backoffDelay } from '../../core/retry.ts';
import type { HttpAnswer, Link, McpHttp } from './mcp-http.ts';
import { NoAnswer } from './mcp-http.ts';
import { SseParser } from './sse-parser.ts';

const BACKOFF = { baseMs: 500, maxMs: 10_000 };

export interface ListenerOptions {
  readonly http: McpHttp;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called with each message, JSON text. */
  readonly deliver: (text: string) => Promise<void>;
}

/**
 * Keeps the stream for what belongs to no request open, and resumes it, until the signal aborts, the server says that it
 * has none (405), or the connection is over: the client's next message makes another, and nothing else may, or a session
 * that its owner has ended would come back by itself.
 */
export async function listen(link: Link, signal: AbortSignal, options: ListenerOptions): Promise<void> {
  const { http, clock, random, deliver } = options;
  let lastEventId: string | undefined;
  let retryMs = 0;
  let failures = 0;
  while (!signal.aborted) {
    const answer = await open(http, link, lastEventId, signal);
    if (answer?.statusCode === 200) {
      const parser = new SseParser();
      failures = 0;
      await read(answer, parser, deliver, signal);
      lastEventId = parser.lastEventId ?? lastEventId;
      retryMs = parser.retryMs ?? retryMs;
    } else {
      await answer?.body.dump();
      if (answer && answer.statusCode < 500) return;
    }
    failures += 1;
    await clock.sleep(retryMs + backoffDelay(BACKOFF, failures, random()), signal);
  }
}

async function open(http: McpHttp, link: Link, lastEventId: string | undefined, signal: AbortSignal) {
  try {
    return await http.get(link, lastEventId, signal);
  } catch (error) {
    if (error instanceof NoAnswer) return undefined;
    throw error;
  }
}

/** Reads until the stream ends or breaks. */
async function read(
  answer: HttpAnswer,
  parser: SseParser,
  deliver: ListenerOptions['deliver'],
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const chunk of answer.body) for (const data of parser.push(chunk as Uint8Array)) await deliver(data);
  } catch {
    signal.throwIfAborted();
  }
}
