import { AppError } from '../../../core/errors.ts';
import type { Connections } from '../connections.ts';
import type { Exchange } from '../exchange.ts';
import type { SessionCache } from '../session-cache.ts';

export interface HttpSseOptions {
  readonly sessions: SessionCache;
  readonly connections: Connections;
}

/** HTTP with server-sent events (2024-11-05: basic/transports, "HTTP with SSE"). */
export class HttpSse {
  readonly #options: HttpSseOptions;

  constructor(options: HttpSseOptions) {
    this.#options = options;
  }

  /** `GET /sse`: the stream. @throws AppError */
  async open(_exchange: Exchange): Promise<void> {
    void this.#options;
    throw new AppError('not-found', 'Not served here');
  }

  /**
   * `POST /messages`: one message of a client.
   * @param value the body, parsed
   * @throws AppError
   */
  async post(_exchange: Exchange, _value: unknown, _body: Buffer): Promise<void> {
    throw new AppError('not-found', 'Not served here');
  }
}
