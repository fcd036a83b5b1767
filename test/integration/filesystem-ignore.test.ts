import { execFileSync } from 'node:child_process';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { IgnoreRules } from '../../src/servers/filesystem/watch/ignore-rules.ts';
import { temporaryDirectory } from './filesystem-setup.ts';

async function make(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

/** Which of `paths`, ending in "/" where they are directories, are ignored; as a walk asks: never below an ignored one. */
async function ignored(rules: IgnoreRules, paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (found.some((above) => path.startsWith(above) && above.endsWith('/'))) found.push(path);
    else if (rules.ignores(path.replace(/\/$/, ''), path.endsWith('/'))) found.push(path);
    else if (path.endsWith('/')) await rules.enter(path.slice(0, -1));
  }
  return found;
}

/** The files that a walk gets to see. */
async function* walk(rules: IgnoreRules, root: string, directory = ''): AsyncIterable<string> {
  await rules.enter(directory);
  for (const entry of await readdir(join(root, directory), { withFileTypes: true })) {
    const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
    if (rules.ignores(path, entry.isDirectory())) continue;
    if (entry.isDirectory()) yield* walk(rules, root, path);
    else yield path;
  }
}

it('ignores what git ignores', async () => {
  const root = await temporaryDirectory();
  const rules = {
    '.gitignore':
      '*.log\n!keep.log\nbuild/\n/only-here\ndocs/**/draft\n# comment\n\\#odd\ntrailing \nCase\nall/*\n!all/x/\n',
    'sub/.gitignore': '!own.log\nlocal\n',
    'sub/deep/.gitignore': '*\n!.gitignore\n!kept\n',
  };
  const paths = [
    ...[
      'a.log',
      'keep.log',
      'build/keep.log',
      'only-here',
      'docs/a/draft',
      'docs/draft',
      'docs/drafts',
      '#odd',
      'case',
    ],
    ...[
      'Case/x',
      'trailing',
      'all/a',
      'all/x/b',
      'all/y/b',
      'sub/a.log',
      'sub/own.log',
      'sub/local/x',
      'sub/only-here',
    ],
    ...['sub/build/keep.log', 'sub/buildings', 'sub/deep/any', 'sub/deep/kept', 'sub/deep/own.log', 'other/build'],
  ];
  await make(root, { ...rules, ...Object.fromEntries(paths.map((path) => [path, ''])) });
  execFileSync('git', ['init', '-q', root]);
  const args = ['-C', root, 'ls-files', '--others', '--exclude-standard', '-z'];
  const seen = execFileSync('git', args, { encoding: 'utf8' }).split('\0').filter(Boolean);
  const ours: string[] = [];
  for await (const path of walk(await IgnoreRules.of(root, root, [], true), root)) ours.push(path);
  expect(ours.sort()).toEqual(seen.sort());
  expect(ours.length).toBeGreaterThan(10);
});

it('ignores .git and node_modules everywhere, and takes the word of the watch over all others', async () => {
  const root = await temporaryDirectory();
  await make(root, { '.gitignore': 'dist/\n' });
  const paths = ['.git/', 'a/', 'a/node_modules/', 'a/.git', 'dist/', 'src/', 'src/x.tmp'];
  expect(await ignored(await IgnoreRules.of(root, root, [], true), paths)).toEqual([
    '.git/',
    'a/node_modules/',
    'a/.git',
    'dist/',
  ]);
  const own = await IgnoreRules.of(root, root, ['!node_modules', '!dist', '*.tmp'], true);
  expect(await ignored(own, [...paths, 'dist/inside'])).toEqual(['.git/', 'a/.git', 'src/x.tmp']);
  expect(await ignored(await IgnoreRules.of(root, root, [], false), ['dist/'])).toEqual([]);
});

it('goes by the rules above the watched directory, unless that is ignored itself', async () => {
  const base = await temporaryDirectory();
  await make(base, { '.gitignore': '*.log\nbuild/\n', 'src/x': '', 'build/y': '', 'node_modules/z/w': '' });
  expect(await ignored(await IgnoreRules.of(join(base, 'src'), base, [], true), ['a.log', 'b'])).toEqual(['a.log']);
  expect(await ignored(await IgnoreRules.of(join(base, 'build'), base, [], true), ['a.log', 'b'])).toEqual([]);
  expect(await ignored(await IgnoreRules.of(join(base, 'node_modules/z'), base, [], true), ['a.log', 'w'])).toEqual([]);
});

it('takes no rules from what is no plain file', async () => {
  const root = await temporaryDirectory();
  const outside = await temporaryDirectory();
  await make(outside, { rules: '*\n' });
  await symlink(join(outside, 'rules'), join(root, '.gitignore'));
  await mkdir(join(root, 'pipe'));
  execFileSync('mkfifo', [join(root, 'pipe', '.gitignore')]);
  const rules = await IgnoreRules.of(root, root, [], true);
  expect(await ignored(rules, ['a', 'pipe/', 'pipe/b'])).toEqual([]);
});
