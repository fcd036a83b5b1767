import { execFile } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'dist');

/** The identity of each file of dist/: another one if it was written again. */
const files = () =>
  Object.fromEntries(
    readdirSync(dist, { recursive: true, encoding: 'utf8' }).map((name) => [name, statSync(join(dist, name)).ino]),
  );

// `npm start` builds first, and terminals (an exit trap, a client's `headers`) use the program meanwhile.
it('a build leaves alone what it would make again, and takes away what is left of another', async () => {
  const before = files();
  writeFileSync(join(dist, 'chunks/left-over.js'), '');
  await promisify(execFile)(process.execPath, ['scripts/build.ts'], { cwd: root });
  expect(files()).toEqual(before);
}, 60_000);
