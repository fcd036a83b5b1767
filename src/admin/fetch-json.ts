import { request } from 'undici';

const FETCH_MS = 5000;
const MAX_BYTES = 256 * 1024;

/** What a JSON document at a URL says. Redirects are not followed. Rejects for anything but 200, and for one that is too long. */
export async function fetchJson(url: string): Promise<unknown> {
  const headers = { accept: 'application/json' };
  const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(FETCH_MS), headers });
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (statusCode !== 200) throw new Error(`HTTP ${statusCode}`);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
