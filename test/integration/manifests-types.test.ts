import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { ofEachWhole } from '../support/manifest-wholes.ts';
import type { Manifest } from '../support/manifests.ts';

const require = createRequire(import.meta.url);
const COMPILER = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');
const MODELS = dirname(require.resolve('kubernetes-models/package.json'));
const OTHERS = require.resolve('../support/manifest-kinds.ts');
const OPTIONS = [
  '--ignoreConfig',
  '--noEmit',
  '--strict',
  '--skipLibCheck',
  '--allowImportingTsExtensions',
  '--types',
  '',
];
const DIALECT = ['--module', 'preserve', '--target', 'es2024'];
const COMPILE_MS = 120_000;

/** Where the type of a kind is: that of kubernetes-models, or ours for kinds that others add. */
function typeOf({ apiVersion, kind }: Manifest): string {
  const model = join(MODELS, apiVersion, kind);
  return existsSync(`${model}.d.ts`) ? model : OTHERS;
}

/** What the compiler says of objects as their kinds have it; a key that the kind does not have is an error. */
function compile(manifests: readonly Manifest[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'kinds-'));
  try {
    const lines = manifests.map((manifest, index) => {
      const from = JSON.stringify(typeOf(manifest));
      return `import type { I${manifest.kind} as K${index} } from ${from};\n(${JSON.stringify(manifest)}) satisfies K${index};`;
    });
    const file = join(directory, 'manifests.ts');
    writeFileSync(file, lines.join('\n'));
    const { stdout, status, error } = spawnSync(process.execPath, [COMPILER, ...OPTIONS, ...DIALECT, file], {
      encoding: 'utf8',
    });
    if (error) throw error;
    expect(status === 0).toBe(stdout === '');
    return stdout;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

ofEachWhole('types', (whole) => {
  it('every object is as its kind has it', { timeout: COMPILE_MS }, () => {
    expect(compile(whole().manifests)).toBe('');
  });
});

ofEachWhole(
  'what types find',
  (whole) => {
    it('a misspelt key, wherever it is', { timeout: COMPILE_MS }, () => {
      const misspelt = (text: string, wrong: string) =>
        compile(JSON.parse(JSON.stringify(whole().manifests).replace(`"${text}":`, `"${wrong}":`)));
      expect(misspelt('readOnlyRootFilesystem', 'readOnlyRootFileSystem')).toContain('readOnlyRootFileSystem');
      expect(misspelt('jobLabel', 'jobLable')).toContain('jobLable');
      expect(misspelt('podSelector', 'podSelectors')).toContain('podSelectors');
    });
  },
  ['production'],
);
