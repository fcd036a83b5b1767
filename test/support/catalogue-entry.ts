import type { CatalogueEntry } from '../../src/core/catalogue.ts';

/** An entry of the catalogue with nothing special. */
export function podEntryOf(name: string, more: Partial<CatalogueEntry> = {}): CatalogueEntry {
  return { name, transport: 'stdio', command: 'none', args: [], env: {}, variables: [], files: {}, ...more };
}
