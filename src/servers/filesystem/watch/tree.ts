import type { Entry } from './entry.ts';

interface Node extends Entry {
  /** Names; only a directory that holds something has them. */
  children?: Set<string>;
}

/** The path of `name` in `directory`, both relative to the watched directory, which is the empty path. */
export const childOf = (directory: string, name: string): string => (directory === '' ? name : `${directory}/${name}`);

/** The entries below a directory, by their paths relative to it. */
export class Tree {
  readonly #nodes = new Map<string, Node>([['', { type: 'directory', signature: 0 }]]);

  /** How many there are, without the directory itself. */
  get size(): number {
    return this.#nodes.size - 1;
  }

  get(path: string): Entry | undefined {
    return this.#nodes.get(path);
  }

  /** Its parent must be there. */
  put(path: string, { type, signature }: Entry): void {
    const children = this.#nodes.get(path)?.children;
    this.#nodes.set(path, children ? { type, signature, children } : { type, signature });
    const [parent, name] = split(path);
    const above = this.#nodes.get(parent);
    if (!above) throw new Error('an entry needs its parent');
    above.children ??= new Set();
    above.children.add(name);
  }

  names(directory: string): Iterable<string> {
    return this.#nodes.get(directory)?.children ?? [];
  }

  /** Takes out a path and everything below it, children before their parents, as far as it is iterated. */
  *removal(path: string): Iterable<[path: string, entry: Entry]> {
    const node = this.#nodes.get(path);
    if (!node) return;
    for (const name of node.children ?? []) yield* this.removal(childOf(path, name));
    this.#nodes.delete(path);
    const [parent, name] = split(path);
    this.#nodes.get(parent)?.children?.delete(name);
    yield [path, node];
  }

  /** Parents before their children. */
  *entries(directory = ''): Iterable<[path: string, entry: Entry]> {
    const left = [directory];
    for (let current = left.pop(); current !== undefined; current = left.pop()) {
      for (const name of this.names(current)) {
        const path = childOf(current, name);
        const node = this.#nodes.get(path) as Node;
        yield [path, node];
        if (node.children) left.push(path);
      }
    }
  }
}

function split(path: string): [parent: string, name: string] {
  const at = path.lastIndexOf('/');
  return [at < 0 ? '' : path.slice(0, at), path.slice(at + 1)];
}
