import { execFile } from 'node:child_process';

const DEADLINE_MS = 60_000;
const MAX_OUTPUT = 64 * 2 ** 20;

export interface DockerOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Milliseconds. */
  readonly deadlineMs?: number;
}

/**
 * What `docker ARGS` writes to stdout, without white space at its ends.
 * @throws Error with what it wrote to stderr, if it fails or takes longer than `deadlineMs`
 */
export function docker(args: readonly string[], { env, cwd, deadlineMs = DEADLINE_MS }: DockerOptions = {}) {
  const options = { timeout: deadlineMs, maxBuffer: MAX_OUTPUT, ...(env ? { env } : {}), ...(cwd ? { cwd } : {}) };
  return new Promise<string>((resolve, reject) => {
    execFile('docker', args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`docker ${args.slice(0, 4).join(' ')}: ${stderr.trim() || error.message}`));
      else resolve(stdout.trim());
    }).stdin?.end();
  });
}

/** What it writes, line by line. */
export async function dockerLines(args: readonly string[], options?: DockerOptions): Promise<string[]> {
  return (await docker(args, options)).split('\n').filter((line) => line !== '');
}
