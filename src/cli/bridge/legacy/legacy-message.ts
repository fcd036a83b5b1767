import { randomUUID } from 'node:crypto';
import type { RpcMessage } from '../../../core/json-rpc.ts';
import type { BridgeContext } from '../context.ts';
import type { Attempt, Outgoing, Refusal } from '../exchange.ts';
import { outcomeUnknown } from '../failure.ts';
import type { HttpAnswer } from '../mcp-http.ts';
import type { Link } from './link.ts';
import { headersOf } from './link.ts';

/** The connection that a message travels with. */
export interface Links {
  /** What to send with now. Rejects with what is wrong. */
  current(): Promise<Link>;
  /** The connection of `link`, under this token, is over: makes another, unseen by the client. */
  reconnect(link: Link, token: string): Promise<void>;
}

/** A message as Streamable HTTP has it up to 2025-11-25 (basic/transports): its answer can be resumed by `Last-Event-ID`. */
export class LegacyMessage implements Outgoing {
  readonly message: RpcMessage;
  readonly deliver: Outgoing['deliver'];
  readonly resumable = true;
  readonly lasting = false;
  readonly #context: BridgeContext;
  readonly #links: Links;
  readonly #text: string;
  readonly #key = randomUUID();
  #link: Link = {};
  #token = '';

  /** @param text the message, JSON in one line */
  constructor(context: BridgeContext, links: Links, message: RpcMessage, text: string, deliver: Outgoing['deliver']) {
    this.#context = context;
    this.#links = links;
    this.message = message;
    this.#text = text;
    this.deliver = deliver;
  }

  async send({ lastEventId, timeoutMs, signal }: Attempt): Promise<HttpAnswer> {
    const { http, token } = this.#context;
    this.#link = await this.#links.current();
    this.#token = await token.current(signal);
    const head = { token: this.#token, timeoutMs, signal };
    const headers = headersOf(this.#link);
    if (lastEventId !== undefined) {
      return http.get({ ...head, headers: { ...headers, 'last-event-id': lastEventId } });
    }
    return http.post(this.#text, { ...head, headers: { ...headers, 'idempotency-key': this.#key } });
  }

  async repair({ what, mayHaveRun }: Refusal): Promise<void> {
    if (what === 'token' || this.#link.connection === undefined) {
      this.#context.token.refuse(this.#token);
      return;
    }
    if (mayHaveRun) throw outcomeUnknown('its connection is over');
    await this.#links.reconnect(this.#link, this.#token);
  }
}
