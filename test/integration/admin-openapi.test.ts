import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { adminRoutes } from '../../src/admin/admin.ts';
import { SESSION_OPERATIONS } from '../../src/admin/session-operations.ts';
import { AdminServer } from '../support/admin-server.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters: { readonly name: string; readonly in: string }[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, object>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

let server: AdminServer;
let document: Document;
let session: string;
beforeAll(async () => {
  server = await AdminServer.start();
  session = (await server.open('dora', 'pts_1')).id;
  document = (await server.call('GET', '/admin/api/openapi.json')).json;
});
afterAll(() => server[Symbol.asyncDispose]());

const documented = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );

/** A part of express' router (npm package `router`, lib/layer.js). */
interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
  readonly handle: { readonly stack?: readonly Layer[] };
  match(path: string): boolean;
}

/** `METHOD path` of every route below these layers. */
function served(layers: readonly Layer[]): string[] {
  return layers.flatMap(({ route, handle }) => {
    if (!route) return served(handle.stack ?? []);
    return Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path}`);
  });
}

describe('[admin.openapi] the document of the admin API', () => {
  it('has every route that is served, and no other', () => {
    const { stack } = (server.app as unknown as { router: { stack: Layer[] } }).router;
    // Others' paths do not lead there, and it has nothing of its own at the top.
    const mounted = stack.filter((layer) => !layer.route && layer.match('/admin/api/x') && !layer.match('/x'));
    const routes = served(mounted).map((text) => text.replace(/:(\w+)/g, '{$1}'));
    const described = documented().map(({ method, path }) => `${method} ${path.replace('/admin/api', '')}`);
    expect(described.length).toBeGreaterThan(20);
    expect([...described].sort()).toEqual([...new Set(routes)].sort());
  });

  it('is OpenAPI 3.1, with names that are there once and parameters that are in the paths', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    const names = documented().map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const { path, operation } of documented()) {
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`);
      expect(path.match(/\{\w+\}/g) ?? [], path).toEqual(inPath);
    }
  });

  it('says what is answered', async () => {
    const reports = { version: '1', machine: 'm', startedAt: 1, at: 1, draining: false, troubles: ['t'] };
    await server.parts.operations.announce({ ...reports, id: 'g', role: 'gateway', sessions: 1 }, 600_000);
    const bodies: Readonly<Record<string, object>> = {
      login: { username: 'admin', password: 'correct horse battery' },
      'refresh-token': { refresh_token: server.parts.tokens.issue(account('admin')).refresh },
      'sessions.recover': { old_session_id: session },
      'sessions.refresh': {},
      'sessions.cleanup': {},
    };
    const routes = [...adminRoutes(server.parts.options), ...SESSION_OPERATIONS.filter(({ media }) => !media)];
    let checked = 0;
    for (const { method, path, operation, answer, status } of routes) {
      if (['replicas.drain', 'session.log', 'session.log-level', 'server.change', 'session.end'].includes(operation))
        continue;
      const body = bodies[operation];
      const real = `/admin/api${path.replace(':id', session)}`;
      const { status: seen, json } = await server.call(method.toUpperCase(), real, {
        as: 'admin',
        ...(body ? { body } : {}),
      });
      expect(seen, operation).toBe(status);
      const exact = answer && z.toJSONSchema(answer, { io: 'output', unrepresentable: 'any' });
      expect(exact && z.fromJSONSchema(exact as never).safeParse(json).error?.issues, operation).toBeUndefined();
      checked += 1;
    }
    expect(checked).toBeGreaterThan(15);
  });
});

function account(name: string) {
  const found = server.parts.people.accounts.find((one) => one.name === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
}

describe('[admin.fuzz] what the document allows to be asked', () => {
  it('is answered as it says, whatever is asked, and never with an internal error', async () => {
    const operations = documented();
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('', session, '__proto__', 'constructor', '..', '%00', '0', '-1', '1e9', 'true', 'a'.repeat(5000)),
      fc.jsonValue(),
    );
    const fields = fc.dictionary(
      fc.constantFrom(
        'username',
        'password',
        'session_id',
        'old_session_id',
        'refresh_token',
        'level',
        'text',
        '__proto__',
        'x',
      ),
      value,
    );
    const request = fc.record({
      operation: fc.constantFrom(...operations),
      as: fc.constantFrom('admin', 'olga', 'dora', undefined),
      params: fc.infiniteStream(value),
      query: fc.dictionary(
        fc.constantFrom('limit', 'after', 'owner', 'state', 'server', 'session', 'tail', 'x[y]'),
        value,
      ),
      body: fc.option(
        fc.oneof(
          fields.map((one) => JSON.stringify(one)),
          fc.jsonValue().map((one) => JSON.stringify(one)),
          fc.string(),
        ),
      ),
    });
    const text = (one: unknown) => (typeof one === 'string' ? one : JSON.stringify(one));
    await fc.assert(
      fc.asyncProperty(request, async ({ operation: { method, path, operation }, as, params, query, body }) => {
        const real = path.replace(
          /\{\w+\}/g,
          () => encodeURIComponent(text(params.next().value).toWellFormed()) || 'x',
        );
        const search = new URLSearchParams(
          Object.entries(query).map(([key, one]) => [key, text(one)] as [string, string]),
        );
        const answer = await server.call(method, `${real}?${search}`, {
          ...(as ? { as } : {}),
          ...(body === null || method === 'GET' ? {} : { body }),
        });
        const where = `${method} ${path}: ${answer.status} ${answer.text.slice(0, 200)}`;
        expect(answer.status, where).not.toBe(500);
        expect(Object.keys(operation.responses), where).toContain(String(answer.status));
        if (answer.status >= 400 && answer.status !== 431)
          expect(answer.json, where).toMatchObject({ error: { code: expect.any(String) } });
      }),
      { seed: Number(process.env.FUZZ_SEED ?? 1), numRuns: Number(process.env.FUZZ_RUNS ?? 400), endOnFailure: true },
    );
    expect(server.plane.log.warnings.filter((warning) => warning === 'request failed')).toEqual([]);
  }, 120_000);
});
