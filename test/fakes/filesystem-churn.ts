import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes, moves and deletes ten thousand files below the directory that is its argument, as fast as it can: single files and
 * whole directories, some of whose names are used again.
 */
const root = process.argv[2];
if (root === undefined) throw new Error('usage: filesystem-churn.ts DIRECTORY');
const DIRECTORIES = 100;
const FILES = 100;

const directory = (index: number): string => join(root, `group-${index % 10}`, `directory-${index}`);
const file = (index: number, number: number): string => join(directory(index), `file-${number}.txt`);

for (let index = 0; index < DIRECTORIES; index += 1) {
  mkdirSync(directory(index), { recursive: true });
  for (let number = 0; number < FILES; number += 1) writeFileSync(file(index, number), `${index} ${number}`);
}
for (let index = 0; index < DIRECTORIES; index += 1)
  for (let number = 0; number < FILES; number += 1) {
    if (number % 4 === 0)
      renameSync(file(index, number), join(directory((index + 1) % DIRECTORIES), `from-${index}-${number}`));
    if (number % 4 === 1) rmSync(file(index, number));
  }
for (let index = 0; index < DIRECTORIES; index += 5) {
  renameSync(directory(index), join(root, `moved-${index}`));
  mkdirSync(directory(index));
  writeFileSync(file(index, 0), 'again');
}
for (let index = 2; index < DIRECTORIES; index += 10) rmSync(directory(index), { recursive: true });
renameSync(join(root, 'group-3'), join(root, 'moved-group'));
