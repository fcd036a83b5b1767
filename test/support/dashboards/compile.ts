import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TSC = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url));
const STRICT = fileURLToPath(new URL('./strict.ts', import.meta.url));

/** What TypeScript has to say of dashboards, by name; those with nothing wrong are not in it. */
export async function compileErrors(dashboards: Readonly<Record<string, unknown>>): Promise<Record<string, string[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'dashboards-'));
  try {
    for (const [name, content] of Object.entries(dashboards)) {
      const code = `import type { StrictDashboard } from '${STRICT}';\nexport const it: StrictDashboard = ${JSON.stringify(content)};\n`;
      await writeFile(join(folder, `${name}.ts`), code);
    }
    const compilerOptions = { strict: true, noEmit: true, module: 'nodenext', target: 'es2024', types: [] };
    const config = { compilerOptions: { ...compilerOptions, allowImportingTsExtensions: true, skipLibCheck: true } };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ ...config, files: namesOf(dashboards) }));
    return byFile(await outputOf(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const namesOf = (dashboards: object): string[] => Object.keys(dashboards).map((name) => `${name}.ts`);

const outputOf = (cwd: string): Promise<string> =>
  new Promise((done) => {
    execFile(TSC, ['-p', '.', '--pretty', 'false'], { cwd, maxBuffer: 1 << 26 }, (_, stdout, stderr) =>
      done(stdout + stderr),
    );
  });

/** @throws Error if the compiler says something of anything but the dashboards */
function byFile(output: string): Record<string, string[]> {
  const errors: Record<string, string[]> = {};
  for (const line of output.split('\n').filter((one) => one !== '' && !one.startsWith(' '))) {
    const [, name, message] = /^([\w-]+)\.ts\(\d+,\d+\): error (.*)$/.exec(line) ?? [];
    if (!name || !message) throw new Error(line);
    errors[name] = [...(errors[name] ?? []), message];
  }
  return errors;
}
