import { z } from 'zod';
import type { AdminRoute } from './route.ts';
import { failure } from './schemas.ts';
import { SESSION_OPERATIONS, type SessionOperation } from './session-operations.ts';

/** Part of a document of OpenAPI Specification 3.1.1. */
type Part = Readonly<Record<string, unknown>>;

/** What is documented of an operation. */
type Documented = SessionOperation & Partial<Pick<AdminRoute, 'roles'>>;

/** What a caller may be told besides the answer. */
const FAILURES: Readonly<Record<number, string>> = {
  400: 'The request cannot be used',
  401: 'No token, or none that is good',
  403: 'Not for this role, this host name or this origin',
  404: 'There is no such thing, or it is not for this caller',
  413: 'The body is too large',
  415: 'The body is not application/json',
  429: 'Too often: Retry-After says when to come back',
  500: 'Internal error',
  502: 'The issuer of the token cannot be asked',
  503: 'The store, or the controller, is out of reach: Retry-After says when to come back',
};

/** The document is one of its own operations. */
const DOCUMENT: Documented = {
  method: 'get',
  path: '/openapi.json',
  operation: 'openapi',
  summary: 'This document',
  roles: 'everybody',
  status: 200,
  answer: z.record(z.string(), z.unknown()),
};

/**
 * The document of the admin API, OpenAPI 3.1, made of the very routes that serve it, and of those of the session API that are
 * served here too.
 */
export function openApiDocument(version: string, routes: readonly AdminRoute[]): Part {
  const paths: Record<string, Record<string, Part>> = {};
  for (const one of [...routes, DOCUMENT, ...SESSION_OPERATIONS] as const) {
    const path = `/admin/api${one.path.replace(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [one.method]: operationOf(one) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'mcp-session-manager: admin API',
      version,
      description: 'Operations of sessions, servers and replicas, for people. docs/admin-api.md explains it.',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Failure: schemaOf(failure, 'output') },
    },
  };
}

function operationOf({ operation, summary, roles, path, query, body, status, answer, media }: Documented): Part {
  const done = answer ? content('Done', schemaOf(answer, 'output'), media) : { description: 'Done' };
  const failed = { $ref: '#/components/schemas/Failure' };
  return {
    operationId: operation,
    summary,
    ...(roles === 'everybody'
      ? { security: [] }
      : { security: [{ token: [] }], ...(roles ? { 'x-roles': roles } : {}) }),
    parameters: [...pathParameters(path), ...queryParameters(query)],
    ...(body ? { requestBody: { content: { 'application/json': { schema: schemaOf(body, 'input') } } } } : {}),
    responses: {
      [status]: done,
      ...Object.fromEntries(Object.entries(FAILURES).map(([code, text]) => [code, content(text, failed)])),
      // Node's own answer, before anybody else sees the request.
      431: { description: 'URL and headers are longer than 16 KiB' },
    },
  };
}

const pathParameters = (path: string): Part[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));

function queryParameters(query: z.ZodObject | undefined): Part[] {
  if (!query) return [];
  const { properties = {} } = schemaOf(query, 'input') as { properties?: Record<string, { description?: string }> };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

const content = (description: string, schema: Part, media = 'application/json'): Part => ({
  description,
  content: { [media]: { schema } },
});

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Part {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Record<string, unknown>;
  return rest;
}
