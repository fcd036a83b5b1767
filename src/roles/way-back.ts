import { openConfigurations } from './configurations.ts';

/**
 * For somebody whose manager does not start: what leads back to the configuration that worked last; undefined if no file of it
 * was changed since, so that another one would not help.
 * @param main path of the program's main file
 */
export function wayBack(main: string): string | undefined {
  const configurations = openConfigurations(main);
  const last = configurations.versions().at(-1);
  if (!last || configurations.restored(last).length === 0) return undefined;
  const when = new Date(last.at).toISOString();
  return `The configuration that worked last is kept (version ${last.number}, ${when}).
  What has changed since:  mcp-session-manager config diff ${last.number}
  To go back to it:        mcp-session-manager config rollback`;
}
