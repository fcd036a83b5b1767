import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError, messageOf } from '../../core/errors.ts';
import type { CliIo } from '../io.ts';

type Keyboard = Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): void };

/** A secret is short: whoever gives more has given another file. */
const MAX_CHARACTERS = 16_384;

/**
 * A secret: the first line of `file` (`-`: of stdin), else asked for at the terminal without showing it, else the first line
 * of stdin. Never an argument, which everybody on the machine can see. Rejects with `request.invalid` if there is none.
 * @param what such as `Password`
 */
export async function readSecret(io: CliIo, what: string, file?: string): Promise<string> {
  const stdin = io.stdin as Keyboard;
  const asks = stdin.isTTY === true && file === undefined;
  const text = asks
    ? await typed(io, stdin, `${what}: `)
    : file === undefined || file === '-'
      ? await piped(stdin)
      : await inFile(resolve(io.cwd, file));
  const [secret = ''] = text.split(/\r?\n/, 1);
  if (secret === '') throw new AppError('request.invalid', `no ${what.toLowerCase()} was given: nothing was sent`);
  return secret;
}

async function inFile(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new AppError('request.invalid', `cannot read the file: ${messageOf(error)}`);
  });
}

async function piped(stdin: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += chunk;
    if (text.includes('\n') || text.length > MAX_CHARACTERS) break;
  }
  return text;
}

/** Reads a line key by key, since the terminal itself would show it. */
async function typed(io: CliIo, stdin: Keyboard, prompt: string): Promise<string> {
  let line = '';
  try {
    stdin.setRawMode?.(true); // before anybody is asked: what is typed in between would be shown
    io.stderr.write(prompt);
    stdin.setEncoding('utf8');
    for await (const keys of stdin.iterator({ destroyOnReturn: false })) {
      for (const key of keys as string) {
        if (key === '\r' || key === '\n' || key === '\x04') return line;
        if (key === '\x03') throw new AppError('request.invalid', 'given up: nothing was sent');
        if (key === '\x7f' || key === '\b') line = line.slice(0, -1);
        else if (key >= ' ' && line.length < MAX_CHARACTERS) line += key;
      }
    }
    return line;
  } finally {
    stdin.setRawMode?.(false);
    stdin.pause();
    io.stderr.write('\n');
  }
}
