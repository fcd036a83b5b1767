import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { messageOf } from '../../core/errors.ts';
import type { CheckFingerprint } from './pinned-connector.ts';
import type { Target } from './target.ts';

/** In the session's configuration directory: origin -> fingerprint of the first certificate that it showed. */
const FILE = 'proxmox-fingerprints.json';
const known = z.record(z.string(), z.string());

/** A certificate with another fingerprint than expected. */
class FingerprintError extends Error {
  readonly code = 'PVE_FINGERPRINT';
}

/** The certificates that a session has met: where none is pinned, the first one that a host shows is trusted from then on. */
export class Fingerprints {
  readonly #path: string;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param configDir the session's own directory */
  constructor(configDir: string) {
    this.#path = join(configDir, FILE);
  }

  /** What a connection to `target` is checked with; undefined where its authority vouches for it and nothing is pinned. */
  checkOf(target: Target): CheckFingerprint | undefined {
    const { fingerprint, name } = target;
    if (fingerprint !== undefined) {
      return async (shown) => {
        if (shown === fingerprint) return;
        const wanted = `that is pinned (shown: ${shown || 'none'}; pinned: ${fingerprint})`;
        throw new FingerprintError(
          `${wanted}. If it was renewed, put the new one into the variable of servers.${name}.fingerprint_env_var`,
        );
      };
    }
    return target.verifySsl ? undefined : (shown) => this.#checkFirst(target, shown);
  }

  /** One at a time: two connections at once meet the same first certificate. */
  #checkFirst(target: Target, shown: string): Promise<void> {
    const turn = this.#turn.then(() => this.#compare(target, shown));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #compare({ origin, name }: Target, shown: string): Promise<void> {
    const all = await this.#load();
    const first = all[origin];
    if (first === shown && shown !== '') return;
    if (first !== undefined || shown === '') {
      const wanted = `that it showed when it was first met (now: ${shown || 'none'}; first: ${first ?? 'none'})`;
      throw new FingerprintError(
        `${wanted}. If it was renewed, delete the entry of ${origin} in ${FILE} of this session, or pin the new one with servers.${name}.fingerprint_env_var`,
      );
    }
    const next = `${this.#path}.next`;
    await writeFile(next, JSON.stringify({ ...all, [origin]: shown }, null, 2), { mode: 0o600 });
    await rename(next, this.#path);
  }

  async #load(): Promise<Record<string, string>> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw unreadable(error);
    });
    try {
      return known.parse(JSON.parse(text));
    } catch (error) {
      throw unreadable(error);
    }
  }
}

/** What was trusted is not known any more: nothing is, until a person has looked. */
function unreadable(error: unknown): FingerprintError {
  return new FingerprintError(
    `that can be compared: ${FILE} of this session cannot be read (${messageOf(error)}). Delete it to trust the next certificate`,
  );
}
