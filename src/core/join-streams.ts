import type { Duplex } from 'node:stream';

/**
 * Passes bytes both ways, as fast as the slower side takes them. A side that has no more to say is passed on as just that
 * (half-close), so both must be open for halves; one that breaks takes the other with it.
 */
export function joinStreams(a: Duplex, b: Duplex): void {
  tie(a, b);
  tie(b, a);
}

function tie(from: Duplex, to: Duplex): void {
  from.pipe(to);
  from.on('error', () => {}); // 'close' follows
  from.once('close', () => {
    if (!from.readableEnded || !from.writableFinished) to.destroy();
  });
}
