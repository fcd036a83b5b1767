import type { Command } from 'commander';
import type { CliIo } from './io.ts';
import type { Choose } from './program.ts';

/** Commands about what the manager is configured with. */
export function describeConfig(program: Command, choose: Choose, io: CliIo): void {
  const load = () => import('./config/config.ts');
  const config = program
    .command('config')
    .description("the manager's configuration, and its earlier versions: on its own machine");
  config
    .command('history', { isDefault: true })
    .description('versions that a manager has worked with')
    .option('--json', 'as JSON')
    .action((options) => choose(async () => (await load()).configHistory(io, options)));
  config
    .command('show [version]')
    .description('the files of a version (default: those of now), without secrets')
    .option('--json', 'as JSON')
    .action((version, options) => choose(async () => (await load()).showConfig(io, version, options)));
  config
    .command('diff <version>')
    .description('what was changed since a version')
    .option('--json', 'as JSON')
    .action((version, options) => choose(async () => (await load()).diffConfig(io, version, options)));
  config
    .command('check [file]')
    .description('whether a manager would start with a file (default: with all that there are)')
    .option('--json', 'as JSON')
    .action((file, options) => choose(async () => (await load()).checkConfig(io, file, options)));
  config
    .command('rollback [version]')
    .description('put a version back (default: the last one that worked, or the one before what there is)')
    .option('--dry-run', 'show what would be changed, and change nothing')
    .option('--json', 'as JSON')
    .action((version, options) =>
      choose(async () => (await import('./config/rollback.ts')).rollback(io, version, options)),
    );
}
