import { fileURLToPath } from 'node:url';

/** One run of the official suite: which release of it, at which revision, and which of its scenarios. */
export interface Suite {
  readonly name: string;
  readonly release: string;
  readonly revision: string;
  /** What its command line runs, as it is installed. */
  readonly program: string;
  /** For everything that is required. */
  readonly all: readonly string[];
  /** Added for one scenario, instead of `all`. */
  readonly one: readonly string[];
}

const STABLE = fileURLToPath(import.meta.resolve('conformance-stable/dist/index.js'));
const NEXT = fileURLToPath(import.meta.resolve('conformance-next/dist/index.js'));

const required = (revision: string): Suite => ({
  name: revision,
  release: '0.2.0-alpha.12',
  revision,
  program: NEXT,
  all: ['--requirements', revision],
  one: ['--spec-version', revision],
});

export const SUITES: readonly Suite[] = [
  {
    name: 'active',
    release: '0.1.16',
    revision: '2025-11-25',
    program: STABLE,
    all: ['--suite', 'active'],
    one: [],
  },
  required('2025-11-25'),
  required('2026-07-28'),
];
