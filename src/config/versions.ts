import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type ConfigurationFile, type ConfigurationVersion, FILE_KINDS } from '../core/configurations.ts';
import { ownDirectory } from './own-file.ts';

/** Versions that are kept; the oldest go first. */
export const KEPT_VERSIONS = 20;
const KEPT = z.object({
  at: z.number(),
  files: z.array(z.object({ kind: z.enum(FILE_KINDS), path: z.string(), text: z.string().exactOptional() })),
});
const FILE = /^([1-9]\d{0,8})\.json$/;

/** The configurations that a manager has worked with: a file for each, which only this user may read, without secrets. */
export class ConfigurationVersions {
  readonly #directory: string;

  /** @param state the manager's state directory */
  constructor(state: string) {
    this.#directory = join(state, 'configurations');
  }

  /** The oldest first; what is no version is passed over. */
  list(): readonly ConfigurationVersion[] {
    return this.#numbers().flatMap((number) => {
      try {
        const text = readFileSync(this.#path(number), 'utf8');
        return [{ ...KEPT.parse(JSON.parse(text)), number }];
      } catch {
        return [];
      }
    });
  }

  /** Keeps these as the next version; undefined: the last one is the same. */
  keep(files: readonly ConfigurationFile[], at: number): ConfigurationVersion | undefined {
    const last = this.list().at(-1);
    if (last && isDeepStrictEqual(last.files, files)) return undefined;
    ownDirectory(this.#directory);
    const number = this.#write(`${JSON.stringify({ at, files })}\n`);
    for (const old of this.#numbers().slice(0, -KEPT_VERSIONS)) rmSync(this.#path(old), { force: true });
    return { number, at, files };
  }

  /** Under the next free number: whole or not at all, and never over another one's. */
  #write(text: string): number {
    const made = join(this.#directory, `new.${randomBytes(6).toString('hex')}`);
    writeFileSync(made, text, { flag: 'wx', mode: 0o600 });
    try {
      for (let number = (this.#numbers().at(-1) ?? 0) + 1; ; number += 1) {
        try {
          linkSync(made, this.#path(number));
          return number;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
      }
    } finally {
      rmSync(made, { force: true });
    }
  }

  #numbers(): number[] {
    try {
      const numbers = readdirSync(this.#directory).flatMap((name) => FILE.exec(name)?.[1] ?? []);
      return numbers.map(Number).sort((a, b) => a - b);
    } catch {
      return []; // nothing was kept yet
    }
  }

  #path(number: number): string {
    return join(this.#directory, `${number}.json`);
  }
}
