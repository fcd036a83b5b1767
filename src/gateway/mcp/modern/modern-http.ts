import { AppError } from '../../../core/errors.ts';
import type { Connections } from '../connections.ts';
import type { Exchange } from '../exchange.ts';
import type { SessionCache } from '../session-cache.ts';
import { VERSIONS } from '../versions.ts';

export interface ModernHttpOptions {
  readonly sessions: SessionCache;
  readonly connections: Connections;
}

/** Streamable HTTP without sessions (2026-07-28: basic/transports/streamable-http). */
export class ModernHttp {
  readonly #options: ModernHttpOptions;

  constructor(options: ModernHttpOptions) {
    this.#options = options;
  }

  /**
   * @param value the body, parsed
   * @throws AppError
   */
  async post(_exchange: Exchange, _value: unknown): Promise<void> {
    void this.#options;
    throw new AppError('protocol.version', `MCP-Protocol-Version must be one of ${VERSIONS.join(', ')}`);
  }
}
