import { randomUUID } from 'node:crypto';
import type { RpcMessage, RpcNotification, RpcRequest } from '../../../core/json-rpc.ts';
import { isResponse } from '../../../core/json-rpc.ts';
import type { BridgeContext } from '../context.ts';
import type { Attempt, Outgoing, Refusal } from '../exchange.ts';
import { outcomeUnknown } from '../failure.ts';
import type { HttpAnswer } from '../mcp-http.ts';
import { headersOf } from './metadata.ts';

/** The gateway keeps no more of an answer than this, so a longer one is not repeated from its beginning; characters. */
const MAX_HAD = 8 << 20;

/**
 * A message as Streamable HTTP has it since 2026-07-28: a POST that depends on no other. An answer that breaks off cannot
 * be resumed; under its key it begins again, so what the client has had of it is left out.
 */
export class ModernMessage implements Outgoing {
  readonly message: RpcRequest | RpcNotification;
  readonly resumable = false;
  readonly lasting = false;
  readonly #context: BridgeContext;
  readonly #text: string;
  readonly #key = randomUUID();
  #token = '';
  /** What the client has had before the answer. */
  readonly #had: string[] = [];
  #hadLength = 0;
  /** How much of that the answer has repeated; undefined: it differs, so all that comes is new. */
  #repeated: number | undefined;

  /** @param text the message, JSON in one line */
  constructor(context: BridgeContext, message: RpcRequest | RpcNotification, text: string) {
    this.#context = context;
    this.message = message;
    this.#text = text;
  }

  async send({ timeoutMs, signal }: Attempt): Promise<HttpAnswer> {
    const { http, token } = this.#context;
    const headers = { ...headersOf(this.message), 'idempotency-key': this.#key };
    this.#token = await token.current(signal);
    this.#repeated = 0;
    return http.post(this.#text, { token: this.#token, headers, timeoutMs, signal });
  }

  async repair({ mayHaveRun }: Refusal): Promise<void> {
    // Another token may be another session's, where nobody knows this key.
    if (mayHaveRun) throw outcomeUnknown('its session is over');
    this.#context.token.refuse(this.#token);
  }

  async deliver(message: RpcMessage, text: string): Promise<void> {
    if (!isResponse(message) && this.#isRepeated(text)) return;
    await this.#context.write(text);
  }

  #isRepeated(text: string): boolean {
    if (this.#repeated !== undefined && this.#had[this.#repeated] === text) {
      this.#repeated += 1;
      return true;
    }
    this.#repeated = undefined;
    this.#hadLength += text.length;
    if (this.#hadLength <= MAX_HAD) this.#had.push(text);
    return false;
  }
}
