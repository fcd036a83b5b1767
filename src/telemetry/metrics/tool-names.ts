import type { Catalogue } from '../../core/catalogue.ts';

/** The tools that the catalogue's entries name, by the names that clients call them by: their own, and at `/mcp` `{server}_{tool}`. */
export function toolNames(catalogue: Catalogue): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { name, tools = [] } of catalogue.values())
    for (const tool of tools) names.set(tool, tool).set(`${name}_${tool}`, tool);
  return names;
}
