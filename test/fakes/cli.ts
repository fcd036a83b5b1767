/** The command line as a program of its own, so that shells can run it without a build. */
import { runCli } from '../../src/cli/main.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

process.exitCode = await runCli(process.argv.slice(2), async () => {
  const { openConfigurations } = await import('../../src/roles/configurations.ts');
  return openConfigurations(MAIN);
});
