import type { IncomingMessage } from 'node:http';
import { AppError } from '../core/errors.ts';

const LONGEST = 4 << 20;

/** What a request brings, as JSON. @throws AppError `request.too-large`, `request.unparsable` */
export async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST) throw new AppError('request.too-large', `The body is larger than ${LONGEST} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (cause) {
    throw new AppError('request.unparsable', 'The body is not JSON', { cause });
  }
}
