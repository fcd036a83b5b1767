/** The command line as a program of its own, so that shells can run it without a build. */
import { runCli } from '../../src/cli/main.ts';

process.exitCode = await runCli(process.argv.slice(2));
