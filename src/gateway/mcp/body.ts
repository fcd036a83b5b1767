import type { IncomingMessage } from 'node:http';
import { AppError } from '../../core/errors.ts';

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
