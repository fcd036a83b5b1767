import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../../core/errors.ts';
import { BACKSLASH, CLOSE_ARRAY, CLOSE_OBJECT, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-characters.ts';

/**
 * The whole body of a request.
 * @throws AppError `request.too-large` (413) above `limit` bytes; the rest is then read and thrown away by Node;
 *   `request.invalid` if the client left before its end
 */
export function readBody(req: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    req.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else {
        req.pause();
        reject(new AppError('request.too-large', `The body is larger than ${limit} bytes`));
      }
    });
    req.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    const tooEarly = (cause?: unknown) =>
      reject(new AppError('request.invalid', 'The body ended too early', { cause }));
    req.on('error', tooEarly);
    req.on('close', () => {
      if (!req.readableEnded) tooEarly();
    });
  });
}

/** @throws AppError `request.unparsable` */
export function parseBody(body: Buffer): unknown {
  // What is not, would be another text for each who reads it (2025-11-25, basic/transports: "MUST be UTF-8 encoded").
  if (!isUtf8(body)) throw new AppError('request.unparsable', 'The body is not UTF-8');
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new AppError('request.unparsable', 'The body is not JSON');
  }
}

/** Levels of arrays and objects in one message. JSON of some thousands could be read, but neither walked nor written again. */
const MAX_DEPTH = 500;

/**
 * Counts brackets, and makes nothing of the values: a body may have millions of them.
 * @param body JSON that was parsed before
 * @throws AppError `request.invalid`
 */
export function checkDepth(body: Buffer): void {
  if (body.length <= 2 * MAX_DEPTH) return; // each level takes two
  let depth = 0;
  for (let at = 0; at < body.length; at++) {
    switch (body[at]) {
      case QUOTE:
        at = stringEnd(body, at);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        depth += 1;
        if (depth > MAX_DEPTH)
          throw new AppError('request.invalid', `The body is nested more than ${MAX_DEPTH} levels deep`);
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth -= 1;
    }
  }
}

/** Where the string ends that begins at `open`: its quotation mark. */
function stringEnd(body: Buffer, open: number): number {
  let at = open + 1;
  while (at < body.length && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1;
  return at;
}
