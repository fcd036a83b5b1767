import type { Route } from './router.ts';

interface Node {
  readonly path: string;
  readonly text: string;
  readonly children: Node[];
  readonly info: Record<string, unknown>;
}

/** `/pve-docs/api-viewer/apidoc.js` for these routes, in the form of the real one: the data, then the viewer's program. */
export function apiData(routes: readonly Route[]): string {
  const root: Node = { path: '', text: '', children: [], info: {} };
  for (const { method, path, params = {} } of routes) {
    let node = root;
    for (const text of path.split('/').slice(1)) {
      let child = node.children.find((one) => one.text === text);
      if (!child) {
        child = { path: `${node.path}/${text}`, text, children: [], info: {} };
        node.children.push(child);
      }
      node = child;
    }
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, { type: 'string' }]);
    const own = Object.entries(params).map(([name, type]) => {
      const optional = type.endsWith('!') ? {} : { optional: 1 };
      return [name, { type: type.replace('!', ''), description: `The ${name}.`, ...optional }];
    });
    const parameters = { additionalProperties: 0, properties: Object.fromEntries([...named, ...own]) };
    node.info[method] = { method, description: `${method} of ${path}`, parameters };
  }
  return `const apiSchema = ${JSON.stringify(root.children, null, 1)}\n;\n\nlet method2cmd = { GET: ['get'] };\n`;
}
