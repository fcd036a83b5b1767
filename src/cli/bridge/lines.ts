/**
 * Cuts a byte stream into lines at `\n`. Not `node:readline`: it also cuts at U+2028, which JSON may hold.
 * A last line without its end is a line too.
 */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let partial = '';
  for await (const chunk of stream) {
    const lines = decoder.decode(chunk, { stream: true }).split('\n');
    lines[0] = partial + lines[0];
    partial = lines.pop() ?? '';
    yield* lines;
  }
  if (partial !== '') yield partial;
}
