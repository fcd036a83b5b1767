import type { BridgeContext } from '../context.ts';
import { NoAnswer, untilBroken } from '../mcp-http.ts';
import { SseParser } from '../sse-parser.ts';
import type { Link } from './link.ts';
import { headersOf } from './link.ts';

/** The old stream of a connection that broke unseen is still in the way, or there are too many. */
const IN_THE_WAY: ReadonlySet<number> = new Set([409, 429]);

/**
 * Keeps the stream for what belongs to no request open, and resumes it, until the signal aborts, the server says that it
 * has none (405), or the connection is over: the client's next message makes another, and nothing else may, or a session
 * that its owner has ended would come back by itself.
 * @param deliver takes each message, JSON text
 */
export async function listen(
  context: BridgeContext,
  link: Link,
  signal: AbortSignal,
  deliver: (text: string) => Promise<void>,
): Promise<void> {
  const patience = context.patience(() => Number.POSITIVE_INFINITY);
  let lastEventId: string | undefined;
  let retryMs = 0;
  for (;;) {
    const token = await context.token.available(signal);
    const answer = await open(context, link, token, lastEventId, signal);
    if (answer?.statusCode === 200) {
      const parser = new SseParser();
      patience.answered();
      for await (const chunk of untilBroken(answer, signal)) {
        for (const data of parser.push(chunk)) await deliver(data);
      }
      lastEventId = parser.lastEventId ?? lastEventId;
      retryMs = parser.retryMs ?? retryMs;
    } else if (answer) {
      await answer.body.dump();
      if (answer.statusCode === 401) context.token.refuse(token);
      else if (answer.statusCode < 500 && !IN_THE_WAY.has(answer.statusCode)) return;
    }
    await patience.wait(undefined, signal, retryMs);
  }
}

async function open(
  { http, timeoutMs }: BridgeContext,
  link: Link,
  token: string,
  lastEventId: string | undefined,
  signal: AbortSignal,
) {
  const headers = { ...headersOf(link), ...(lastEventId && { 'last-event-id': lastEventId }) };
  try {
    return await http.get({ token, headers, timeoutMs, signal });
  } catch (error) {
    if (error instanceof NoAnswer) return undefined;
    throw error;
  }
}
