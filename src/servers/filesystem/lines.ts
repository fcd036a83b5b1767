const NEWLINE = 0x0a;

/** Cuts a byte stream into lines, each with its end. A last line without one is a line too. */
export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let partial: Buffer[] = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end + 1);
      start = end + 1;
      yield partial.length === 0 ? piece : Buffer.concat([...partial, piece]);
      partial = [];
    }
    if (start < chunk.length) partial.push(chunk.subarray(start));
  }
  if (partial.length > 0) yield Buffer.concat(partial);
}
