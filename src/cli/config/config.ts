import type { Configurations } from '../../core/configurations.ts';
import { AppError } from '../../core/errors.ts';
import { difference } from '../difference.ts';
import { EXIT } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { jsonOutput } from '../json-output.ts';
import { paintFor } from '../screen.ts';
import { oneLine, printable, table } from '../text.ts';
import { changesBetween, chosenVersion, summary } from './config-files.ts';

interface Output {
  readonly json?: boolean;
}

/** The versions that are kept, the newest first: when each was first worked with, and what was another before. */
export async function configHistory(io: CliIo, { json }: Output): Promise<number> {
  const configurations = await io.configurations();
  const all = configurations.versions();
  const versions = all.map(({ number, at, files }, i) => {
    const changes = changesBetween(all[i - 1]?.files ?? [], files);
    return { number, at, changes: i === 0 ? 'the first that is kept' : summary(changes) };
  });
  const open = changesBetween(all.at(-1)?.files ?? [], configurations.present());
  if (json) io.stdout.write(jsonOutput('config', { versions: versions.reverse(), since: summary(open) }));
  else if (all.length === 0) io.stdout.write(`${NONE}\n`);
  else {
    const head = ['VERSION', 'KEPT', 'CHANGED'].map((cell) => paintFor(io.stdout, io.env)('bold', cell));
    const rows = versions.reverse().map((one) => [String(one.number), new Date(one.at).toISOString(), one.changes]);
    const now = open.length > 0 ? [['now', '-', `${summary(open)} (no manager has worked with it yet)`]] : [];
    io.stdout.write(table([head, ...now, ...rows]));
  }
  return EXIT.done;
}

const NONE =
  "no version is kept: a manager keeps one when it starts ('npm start'; with containers: docs/operations.md)";

/** One version's files, or those of now; secrets are left out. */
export async function showConfig(io: CliIo, version: string | undefined, { json }: Output): Promise<number> {
  const configurations = await io.configurations();
  const files = version === undefined ? configurations.present() : chosenVersion(configurations, version).files;
  if (json)
    io.stdout.write(jsonOutput('config', { ...(version !== undefined && { version: Number(version) }), files }));
  else {
    const paint = paintFor(io.stdout, io.env);
    const part = ({ kind, path, text }: (typeof files)[number]) =>
      `${paint('bold', `${kind}: ${oneLine(path)}`)}\n${text === undefined ? '(not there)\n' : ended(printable(text))}`;
    io.stdout.write(files.map(part).join('\n'));
  }
  return EXIT.done;
}

const ended = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);

/** What was changed since a version. */
export async function diffConfig(io: CliIo, version: string, { json }: Output): Promise<number> {
  const configurations = await io.configurations();
  const { number, files } = chosenVersion(configurations, version);
  const changes = changesBetween(files, configurations.present());
  if (json) io.stdout.write(jsonOutput('config', { version: number, changes }));
  else if (changes.length === 0) io.stderr.write(`nothing differs from version ${number}\n`);
  else io.stdout.write(changes.map(({ path, before, after }) => difference(io, path, before, after)).join(''));
  return EXIT.done;
}

/** Whether a manager would start with a file, or with all that there are; exit code 1 if not. */
export async function checkConfig(io: CliIo, file: string | undefined, { json }: Output): Promise<number> {
  const checks = (await io.configurations()).check(file);
  const right = checks.every(({ problems }) => problems.length === 0);
  if (json) io.stdout.write(jsonOutput('config', { right, checks }));
  else
    for (const { kind, path, problems } of checks) {
      const name = path === undefined ? kind : `${kind} ${oneLine(path)}`;
      io.stdout.write(`${problems.length === 0 ? 'ok' : 'PROBLEM'}  ${name}\n`);
      io.stdout.write(problems.map((problem) => `  ${oneLine(problem)}\n`).join(''));
    }
  return right ? EXIT.done : EXIT.failed;
}

/** The version to go back to: the one that is named; else the last that worked, or, if that is what there is, the one before it. */
export function earlier(configurations: Configurations, version: string | undefined) {
  if (version !== undefined) return chosenVersion(configurations, version);
  const versions = configurations.versions();
  const last = versions.at(-1);
  const target = last && configurations.restored(last).length > 0 ? last : versions.at(-2);
  if (target) return target;
  throw new AppError('not-found', last ? 'there is no earlier version: the one that is kept is what there is' : NONE);
}
