import { constants, copyFile, rm, stat } from 'node:fs/promises';
import type { ConfigurationFile, RestoredFile } from '../../core/configurations.ts';
import { difference } from '../difference.ts';
import { EXIT } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { jsonOutput } from '../json-output.ts';
import { PRIVATE, replaceFile } from '../replace-file.ts';
import { oneLine } from '../text.ts';
import { earlier } from './config.ts';
import { changesBetween, summary } from './config-files.ts';

export interface RollbackOptions {
  /** Say what would be changed. */
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** What a file that was put back needs to take effect. */
const NEXT: Readonly<Record<ConfigurationFile['kind'], string>> = {
  settings: 'start the manager again',
  catalogue: 'start the manager again',
  accounts: 'nothing: the manager reads the accounts again by itself',
  template: 'nothing: new sessions have it; an open one keeps its copy',
};

/**
 * Puts the files of an earlier version back, each in one step. What there was is kept beside each of them as `FILE.replaced`, and as
 * a version, if a manager could start with it. Exit code 1 if a secret has to be written into a file before it can be used.
 */
export async function rollback(io: CliIo, version: string | undefined, options: RollbackOptions): Promise<number> {
  const configurations = await io.configurations();
  const target = earlier(configurations, version);
  const before = configurations.present();
  const files = configurations.restored(target);
  const kept = options.dryRun || files.length === 0 ? undefined : configurations.keep();
  if (!options.dryRun) for (const file of files) await put(file);
  const touched = target.files.filter(({ path }) => files.some((file) => file.path === path));
  const changes = changesBetween(
    before.filter(({ path }) => touched.some((file) => file.path === path)),
    touched,
  );
  const next = [...new Set(files.map(({ kind }) => NEXT[kind]))];
  const missing = files.flatMap(({ path, missing: places }) => places.map((place) => ({ path, place })));
  const dropped = files.flatMap((file) => file.dropped);
  const result = { version: target.number, dryRun: options.dryRun ?? false, changes, next, missing, dropped };
  if (options.json) io.stdout.write(jsonOutput('config', { ...result, ...(kept && { kept: kept.number }) }));
  else {
    if (options.dryRun) io.stdout.write(changes.map((one) => difference(io, one.path, one.before, one.after)).join(''));
    tell(io, result, kept?.number);
  }
  return missing.length === 0 ? EXIT.done : EXIT.failed;
}

interface Result {
  readonly version: number;
  readonly dryRun: boolean;
  readonly changes: ReturnType<typeof changesBetween>;
  readonly next: readonly string[];
  readonly missing: readonly { readonly path: string; readonly place: string }[];
  readonly dropped: readonly string[];
}

function tell({ stdout }: CliIo, { version, dryRun, changes, next, missing, dropped }: Result, kept?: number): void {
  if (changes.length === 0) {
    stdout.write(`nothing to do: the files are those of version ${version}\n`);
    return;
  }
  stdout.write(`version ${version} ${dryRun ? 'would be' : 'is'} back: ${summary(changes)}\n`);
  if (kept !== undefined) stdout.write(`what there was is version ${kept}\n`);
  if (!dryRun)
    stdout.write(changes.map(({ path }) => `${oneLine(path)} (what there was: ${oneLine(path)}.replaced)\n`).join(''));
  for (const { path, place } of missing)
    stdout.write(`to do: write the secret ${oneLine(place)} into ${oneLine(path)}\n`);
  for (const name of dropped) stdout.write(`to do: add ${oneLine(name)} again ('users add'): passwords are not kept\n`);
  for (const text of next) stdout.write(`next: ${text}\n`);
}

async function put({ kind, path, text }: RestoredFile): Promise<void> {
  const isThere = await stat(path).catch(() => undefined);
  if (isThere) {
    await rm(`${path}.replaced`, { force: true });
    await copyFile(path, `${path}.replaced`, constants.COPYFILE_EXCL); // never through a link of somebody else's
  }
  if (text === undefined) await rm(path, { force: true });
  else await replaceFile(path, text, kind === 'accounts' || !isThere ? PRIVATE : undefined);
}
