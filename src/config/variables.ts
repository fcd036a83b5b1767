import { SECRET_VARIABLES } from './secret-files.ts';
import { SETTINGS, variableOf } from './settings.ts';

const PREFIX = 'MCP_SESSION_MANAGER_';
/** Variables that are no settings (docs/configuration.md, docs/command-line.md). */
const OTHERS = [...['STATE', 'CONFIG', 'CATALOGUE', 'URL', 'BIN'].map((name) => PREFIX + name), ...SECRET_VARIABLES];

/** More letters than these are no slip of the fingers. */
const NEAR = 6;

/** Variables of this program's kind that it does not know, in words: each with the one that is nearest, where one is near. */
export function mistypedVariables(env: NodeJS.ProcessEnv): string[] {
  const known = [...Object.keys(SETTINGS).map(variableOf), ...OTHERS];
  const unknown = Object.keys(env).filter((name) => name.startsWith(PREFIX) && env[name] && !known.includes(name));
  return unknown.sort().map((name) => {
    const distances = known.map((other) => [distance(name, other), other] as const);
    const [letters, nearest] = distances.reduce((best, next) => (next[0] < best[0] ? next : best));
    const hint = letters <= NEAR ? `: did you mean ${nearest}?` : ' (docs/configuration.md)';
    return `${name} is set, and is no variable of this program${hint}`;
  });
}

/** Letters that have to be put in, taken out or changed to make one of the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] as number) + (letter === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
