import type { Writable } from 'node:stream';
import { styleText } from 'node:util';

type Environment = Readonly<Record<string, string | undefined>>;
type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

/** `text` in a style, or as it is where there are no colours. */
export type Paint = (style: Style, text: string) => string;

/** Whether a person reads this stream. */
export const isTerminal = (stream: Writable): boolean => (stream as { isTTY?: boolean }).isTTY === true;

/** Whether what was written to this stream can be written over: not on a terminal that only prints. */
export const isScreen = (stream: Writable, env: Environment): boolean => isTerminal(stream) && env.TERM !== 'dumb';

/** Colours on a screen only, and not with a `NO_COLOR` that is not empty (no-color.org). */
export function paintFor(stream: Writable, env: Environment): Paint {
  if (!isScreen(stream, env) || env.NO_COLOR) return (_, text) => text;
  return (style, text) => styleText(style, text, { validateStream: false });
}

/** Aborts when nobody reads `stream` any more (`logs -f | head`), so that a command that would go on for ever ends. */
export function untilUnread(stream: Writable): AbortSignal {
  const unread = new AbortController();
  stream.once('error', () => unread.abort());
  return unread.signal;
}
