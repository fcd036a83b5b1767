/** One MCP conversation with a server that has the tool `echo`. */
export interface Conversation {
  /** Calls `echo`; rejects unless the answer is exactly this text. */
  echo(text: string): Promise<void>;
  close(): Promise<void>;
}

export interface Answer {
  readonly result?: { readonly content?: readonly { readonly text?: string }[] };
  readonly error?: { readonly message: string };
}

export const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'bench', version: '1.0.0' },
};

/** The parameters of a call of `echo`. */
export const echoOf = (text: string) => ({ name: 'echo', arguments: { text } });

/** @throws Error unless `answer` is what `echo` answers to `text` */
export function checkEcho(answer: Answer, text: string): void {
  if (answer.error) throw new Error(`echo: ${answer.error.message}`);
  if (answer.result?.content?.[0]?.text !== text) throw new Error(`echo: ${JSON.stringify(answer.result)}`);
}
