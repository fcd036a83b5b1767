import type { RpcMessage } from '../../core/json-rpc.ts';
import { asMessage } from '../../core/json-rpc.ts';

/** A message, and its JSON in one line, as it was written where that is possible. */
export interface ReadMessage {
  readonly message: RpcMessage;
  readonly text: string;
}

/** The message, or the batch of them, in one event or body; what is no message is left out. */
export function messagesIn(text: string): ReadMessage[] {
  const json = parsed(text);
  if (Array.isArray(json)) return json.flatMap((value) => read(value, JSON.stringify(value)));
  return read(json, text.includes('\n') ? JSON.stringify(json) : text);
}

function read(value: unknown, text: string): ReadMessage[] {
  const message = asMessage(value);
  return typeof message === 'string' ? [] : [{ message, text }];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
