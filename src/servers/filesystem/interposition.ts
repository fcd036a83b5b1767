import { once } from 'node:events';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import {
  asMessage,
  isRequest,
  isResponse,
  type RequestId,
  type RpcMessage,
  type RpcResult,
} from '../../core/json-rpc.ts';
import { linesOf } from './lines.ts';

/** What is added to a server. */
export interface Added {
  /** Takes a message of the client; false: it is for the server. Answers, also later, with `send`. */
  take(message: RpcMessage, send: (message: RpcMessage) => void): boolean;
  /** The server's answer to a request of this method with what is to be added to it; undefined: it stays as it is. */
  amend(method: string, answer: RpcResult): Promise<RpcResult | undefined>;
  /** Methods whose answers are amended. */
  readonly amended: ReadonlySet<string>;
  /** The client has gone. */
  close(): Promise<void>;
}

/**
 * Stands between a client and a server that speaks MCP on standard streams (2025-11-25, basic/transports, "stdio") in the
 * same process. What is neither taken nor amended passes as the bytes that it came in.
 */
export class Interposition {
  /** The server's standard streams. */
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly #output: Writable;
  readonly #added: Added;
  /** Requests on their way through the server whose answers are to be amended: id -> method. */
  readonly #awaited = new Map<RequestId, string>();

  constructor(input: Readable, output: Writable, added: Added) {
    this.#output = output;
    this.#added = added;
    void this.#fromClient(input);
    void this.#fromServer();
  }

  async #fromClient(input: Readable): Promise<void> {
    for await (const line of linesOf(input)) {
      const message = messageOf(line);
      if (message && this.#added.take(message, (answer) => this.#output.write(`${JSON.stringify(answer)}\n`))) continue;
      if (message && isRequest(message) && this.#added.amended.has(message.method))
        this.#awaited.set(message.id, message.method);
      await write(this.stdin, line);
    }
    this.stdin.end();
    await this.#added.close();
  }

  async #fromServer(): Promise<void> {
    for await (const line of linesOf(this.stdout)) await write(this.#output, (await this.#amended(line)) ?? line);
  }

  async #amended(line: Buffer): Promise<string | undefined> {
    if (this.#awaited.size === 0) return undefined;
    const message = messageOf(line);
    if (!message || !isResponse(message) || message.id === null) return undefined;
    const method = this.#awaited.get(message.id);
    this.#awaited.delete(message.id);
    if (method === undefined || 'error' in message) return undefined;
    const amended = await this.#added.amend(method, message);
    return amended && `${JSON.stringify(amended)}\n`;
  }
}

/** Undefined: no single message; the server is to say what is wrong with it. */
function messageOf(line: Buffer): RpcMessage | undefined {
  try {
    const message = asMessage(JSON.parse(line.toString()));
    return typeof message === 'string' ? undefined : message;
  } catch {
    return undefined;
  }
}

async function write(stream: Writable, data: Buffer | string): Promise<void> {
  if (!stream.write(data)) await once(stream, 'drain');
}
