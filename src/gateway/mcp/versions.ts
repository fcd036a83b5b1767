/** Revisions of MCP that this endpoint speaks (Streamable HTTP came with 2025-03-26), newest first. */
export const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'] as const;

/** What is taken for the version where the header is absent (2025-11-25, basic/transports, "Protocol Version Header"). */
export const DEFAULT_VERSION = '2025-03-26';

export const isSpoken = (version: string): boolean => (VERSIONS as readonly string[]).includes(version);

/** The version to answer `initialize` with: the client's if it is spoken here, else the newest (basic/lifecycle). */
export function negotiate(requested: unknown): string {
  return typeof requested === 'string' && isSpoken(requested) ? requested : VERSIONS[0];
}

/** Batches were in 2025-03-26 alone. */
export const hasBatches = (version: string): boolean => version === '2025-03-26';

/** An event with an id and empty data, for the client to come back with: clients before 2025-11-25 take it for a message. */
export const hasPriming = (version: string): boolean => version >= '2025-11-25';
