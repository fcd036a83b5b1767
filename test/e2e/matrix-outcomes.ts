import type { MatrixClientName } from './matrix-clients.ts';

/** What a client sees of a call: how docs/clients.md words it, and what is in the text of the error; without: the answer. */
export const OUTCOMES = {
  answered: { words: 'answered' },
  unknown: { words: 'error: outcome unknown', error: /whether the call took effect is unknown/ },
  init: { words: 'error: run `init`', error: /mcp-session-manager init/ },
  'gives up': { words: "the client's own timeout", error: /timed out/ },
} as const satisfies Readonly<Record<string, { readonly words: string; readonly error?: RegExp }>>;

export type Outcome = keyof typeof OUTCOMES;

export interface Cell {
  /** Of the call that runs while it happens; absent: none does. */
  readonly running?: Outcome;
  /** Of the first call after it. */
  readonly next: Outcome;
}

const UNSCATHED: Cell = { running: 'answered', next: 'answered' };
const UNKNOWN: Cell = { running: 'unknown', next: 'answered' };
const OVER: Cell = { running: 'init', next: 'init' };

/** Each client under each fault. */
export const MATRIX = {
  'replica killed before it said anything': {
    'SDK v1, HTTP+SSE': UNSCATHED,
    'SDK v1, Streamable HTTP': UNSCATHED,
    'SDK v2, newest revision first': UNSCATHED,
    'the bridge': UNSCATHED,
  },
  'replica killed in the middle of a stream': {
    'SDK v1, HTTP+SSE': UNSCATHED,
    'SDK v1, Streamable HTTP': UNSCATHED,
    // It does not look whether the stream broke; nobody is left to tell it, and its revision has no way back to the answer.
    'SDK v2, newest revision first': { running: 'gives up', next: 'answered' },
    'the bridge': UNSCATHED,
  },
  'instance killed': {
    'SDK v1, HTTP+SSE': UNKNOWN,
    'SDK v1, Streamable HTTP': UNKNOWN,
    'SDK v2, newest revision first': UNKNOWN,
    'the bridge': UNKNOWN,
  },
  'gateway restarted': {
    'SDK v1, HTTP+SSE': UNSCATHED,
    'SDK v1, Streamable HTTP': UNSCATHED,
    'SDK v2, newest revision first': UNSCATHED,
    'the bridge': UNSCATHED,
  },
  'session ended': {
    // Its answers come by the hosts of the session, which are gone.
    'SDK v1, HTTP+SSE': { running: 'gives up', next: 'init' },
    'SDK v1, Streamable HTTP': OVER,
    'SDK v2, newest revision first': OVER,
    'the bridge': { running: 'init', next: 'answered' },
  },
  'token expired': {
    'SDK v1, HTTP+SSE': { next: 'init' },
    'SDK v1, Streamable HTTP': { next: 'init' },
    'SDK v2, newest revision first': { next: 'init' },
    'the bridge': { next: 'answered' },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<MatrixClientName, Cell>>>>;

export type Fault = keyof typeof MATRIX;

export const cellOf = (fault: Fault, client: MatrixClientName): Cell => MATRIX[fault][client];

/** The matrix as it is in docs/clients.md, one line for each fault. */
export function asTable(clients: readonly MatrixClientName[]): string[] {
  const words = ({ running, next }: Cell) =>
    running === undefined || running === next
      ? OUTCOMES[next].words
      : `${OUTCOMES[running].words}; then ${OUTCOMES[next].words}`;
  const rows = (Object.keys(MATRIX) as Fault[]).map((fault) => [
    fault,
    ...clients.map((name) => words(cellOf(fault, name))),
  ]);
  return [['fault', ...clients], ['---', ...clients.map(() => '---')], ...rows].map((row) => `| ${row.join(' | ')} |`);
}
