import type { CatalogueEntry } from '../../src/core/catalogue.ts';

/** The deployment's key and its one server. */
export const KEY = Buffer.alloc(32, 7);
const COUNTER: CatalogueEntry = {
  ...{ name: 'counter', transport: 'stdio', command: 'counter', args: [], env: {}, variables: [], files: {} },
};
export const CATALOGUE = new Map([['counter', COUNTER]]);
