import { isIPv6 } from 'node:net';
import type { CatalogueEntry } from '../core/catalogue.ts';
import { authorityOf, egressTemplateOf } from '../core/egress.ts';
import type { Variables } from '../sessions/sealer.ts';

/**
 * Where an instance of this entry may go: its `egress` with the session's variables put in, canonical authorities. One whose
 * variable is not set, or does not make a host, opens nothing: the server finds that in its own configuration, and says so.
 */
export function egressHostsOf(entry: CatalogueEntry, variables: Variables): string[] {
  const hosts = new Set<string>();
  for (const template of entry.egress ?? []) {
    const parts = egressTemplateOf(template);
    const host = parts && fill(parts.host, variables)?.replace(/^\[(.*)\]$/, '$1');
    const port = parts && fill(parts.port, variables);
    const authority = host && authorityOf(`${isIPv6(host) ? `[${host}]` : host}:${port}`);
    if (authority) hosts.add(authority.text);
  }
  return [...hosts];
}

function fill(text: string, variables: Variables): string | undefined {
  let complete = true;
  const filled = text.replace(/\$\{env:([^}]*)\}/g, (_, name: string) => {
    const value = Object.hasOwn(variables, name) ? variables[name]?.trim() : undefined;
    complete &&= value !== undefined;
    return value ?? '';
  });
  return complete ? filled : undefined;
}
