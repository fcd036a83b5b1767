/** Bytes before each piece: which stream, three zeros, the length (Engine API, "Attach to a container", stream format). */
const HEADER = 8;
const LENGTH_AT = 4;

/** The lines of a container's log, standard output and standard error in the order in which the engine heard them. */
export function logLines(log: Buffer): string[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at + HEADER <= log.length; ) {
    const start = at + HEADER;
    at = start + log.readUInt32BE(start - HEADER + LENGTH_AT);
    pieces.push(log.subarray(start, at));
  }
  const lines = Buffer.concat(pieces).toString().split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
