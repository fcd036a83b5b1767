import { connect, type Socket } from 'node:net';

/** Far above anything that a machine under load takes for an answer, milliseconds. */
const DEADLINE_MS = 20_000;
const PAUSE_MS = 5;

/** What came back: a whole answer, or the head of a stream, which goes on until the client ends it. */
export interface WireAnswer {
  readonly status: number;
  readonly type: string;
  /** Of a whole answer. */
  readonly body: string;
}

/** How a client leaves: it waits for the answer, it says that nothing more comes, or it is gone at once. */
export type Leaving = 'waits' | 'half-closes' | 'breaks off';

/**
 * Sends bytes as they are, on a connection of their own, with a pause between parts. `fetch` would mend or refuse most of
 * what is sent here.
 * @returns undefined if the connection was closed without an answer
 * @throws if there is neither an answer nor an end in time
 */
export function exchange(url: string, parts: readonly Buffer[], leaving: Leaving): Promise<WireAnswer | undefined> {
  const { hostname, port } = new URL(url);
  const isHead = parts[0]?.toString('latin1', 0, 5) === 'HEAD ';
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const settle = (how: () => void) => {
      clearTimeout(late);
      socket.destroy();
      how();
    };
    const late = setTimeout(
      () => settle(() => reject(new Error(`no answer in ${DEADLINE_MS} ms, but ${received.length} bytes`))),
      DEADLINE_MS,
    );
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const answer = parsed(received, isHead);
      if (answer) settle(() => resolve(answer));
    });
    socket.on('end', () => settle(() => resolve(undefined)));
    // A reset: whoever refuses a body need not read it.
    socket.on('error', () => settle(() => resolve(undefined)));
    void write(socket, parts).then(() => {
      if (leaving === 'half-closes') socket.end();
      if (leaving === 'breaks off') settle(() => resolve(undefined));
    });
  });
}

async function write(socket: Socket, parts: readonly Buffer[]): Promise<void> {
  for (const [index, part] of parts.entries()) {
    if (index > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    if (socket.destroyed) return;
    await new Promise<void>((resolve) => socket.write(part, () => resolve()));
  }
}

/** One answer, if `received` has all of it; a stream: if it has begun. */
function parsed(received: Buffer, isHead: boolean): WireAnswer | undefined {
  const text = received.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  if (status === 100) return parsed(received.subarray(end + 4), isHead);
  const type = /^content-type: *(\S+?);?(?: .*)?$/im.exec(head)?.[1] ?? '';
  if (type === 'text/event-stream' || isHead) return { status, type, body: '' };
  const length = /^content-length: *(\d+)$/im.exec(head)?.[1];
  const body = received.subarray(end + 4);
  if (length !== undefined && body.length < Number(length)) return undefined;
  if (length === undefined && /^transfer-encoding: *chunked$/im.test(head) && !text.endsWith('0\r\n\r\n'))
    return undefined;
  return { status, type, body: body.toString() };
}
