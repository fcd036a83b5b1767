import { diffLines } from 'diff';
import type { ConfigurationFile, Configurations, ConfigurationVersion } from '../../core/configurations.ts';
import { AppError } from '../../core/errors.ts';

/** One file, before and after a change; absent: it is not there. */
export interface FileChange {
  readonly kind: ConfigurationFile['kind'];
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
}

/** The files that are not the same. */
export function changesBetween(
  before: readonly ConfigurationFile[],
  after: readonly ConfigurationFile[],
): readonly FileChange[] {
  const paths = new Set([...before, ...after].map(({ path }) => path));
  return [...paths].flatMap((path) => {
    const [old, now] = [before, after].map((files) => files.find((file) => file.path === path));
    const kind = (now ?? old)?.kind;
    if (kind === undefined || old?.text === now?.text) return [];
    const texts = {
      ...(old?.text !== undefined && { before: old.text }),
      ...(now?.text !== undefined && { after: now.text }),
    };
    return [{ kind, path, ...texts }];
  });
}

/** In few words: `catalogue +2 -1, accounts new`. */
export function summary(changes: readonly FileChange[]): string {
  return changes.map((change) => `${change.kind} ${extent(change)}`).join(', ') || '-';
}

function extent({ before, after }: FileChange): string {
  if (before === undefined) return 'new';
  if (after === undefined) return 'gone';
  const parts = diffLines(before, after);
  const lines = (what: 'added' | 'removed') => parts.reduce((sum, part) => sum + (part[what] ? part.count : 0), 0);
  return `+${lines('added')} -${lines('removed')}`;
}

/** The version that somebody named. Throws `request.invalid` for what is no number, `not-found` for one that is not kept. */
export function chosenVersion(configurations: Configurations, text: string): ConfigurationVersion {
  if (!/^\d{1,9}$/.test(text))
    throw new AppError('request.invalid', `"${text}" is not the number of a version: 'config history' lists them`);
  const found = configurations.versions().find(({ number }) => number === Number(text));
  if (found) return found;
  throw new AppError('not-found', `there is no version ${Number(text)}: 'config history' lists those that are kept`);
}
