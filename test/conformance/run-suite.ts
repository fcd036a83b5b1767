import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Check, Run, Scenario } from './run.ts';
import type { Suite } from './suites.ts';

const DIRECTORY = /^server-(?<name>.+)-(?<when>\d{4}-\d\d-\d\dT[\d-]+Z)$/;
const ANNOUNCED = /^Running .* \((\d+) scenarios\) against /m;
/** How the suite tells at its end which of its scenarios do not count. */
const NOT_SCORED = /^ {2}[✓✗] (\S+) \(([\w-]+)\)$/gm;

export interface SuiteOptions {
  /** Only this scenario. */
  readonly scenario?: string | undefined;
  /** Given what the suite writes, as it writes it. */
  readonly onOutput?: (text: string) => void;
}

/** Runs a suite against the MCP server at `url`; what it writes into files is read and taken away. */
export async function runSuite(suite: Suite, url: string, { scenario, onOutput }: SuiteOptions = {}): Promise<Run> {
  const results = mkdtempSync(join(tmpdir(), 'conformance-'));
  try {
    const which = scenario === undefined ? suite.all : [...suite.one, '--scenario', scenario];
    const child = spawn(
      process.execPath,
      [suite.program, 'server', '--url', url, '--output-dir', results, ...which],
      // Nothing of the caller's own settings.
      {
        cwd: results,
        env: { PATH: process.env.PATH, HOME: homedir(), NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        onOutput?.(text);
      });
    const [exitCode] = (await once(child, 'close')) as [number | null];
    const announced = scenario === undefined ? Number(ANNOUNCED.exec(output)?.[1] ?? Number.NaN) : 1;
    return { suite, announced, scenarios: scenariosIn(results, output), exitCode, output };
  } finally {
    rmSync(results, { recursive: true });
  }
}

/** In the order in which they ran. */
function scenariosIn(directory: string, output: string): Scenario[] {
  const notScored = new Map([...output.matchAll(NOT_SCORED)].map(([, name, reason]) => [name, reason]));
  return readdirSync(directory)
    .flatMap((entry) => {
      const { name = '', when = '' } = DIRECTORY.exec(entry)?.groups ?? {};
      return name === '' ? [] : [{ entry, name, when }];
    })
    .sort((a, b) => a.when.localeCompare(b.when))
    .map(({ entry, name }) => ({
      name,
      checks: checksIn(join(directory, entry, 'checks.json'), name),
      notScored: notScored.get(name),
    }));
}

/** A scenario that broke off has no file. */
function checksIn(file: string, id: string): Check[] {
  if (!existsSync(file)) return [{ id, status: 'FAILURE', description: 'The scenario broke off: see --verbose' }];
  return JSON.parse(readFileSync(file, 'utf8')) as Check[];
}
