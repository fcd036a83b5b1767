import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** This program's version. @param root the program's own directory, with package.json */
export function programVersion(root: string): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}
