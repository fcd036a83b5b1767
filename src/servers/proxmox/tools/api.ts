import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { resources } from '../answers.ts';
import type { ApiSchema, Endpoint } from '../api-schema.ts';
import { digestOf } from '../guests.ts';
import { needOf } from '../operation-of.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import { type Params, withQuery } from '../route.ts';
import { type Call, type Change, defineTool, fromServer, type Proposal } from '../tool.ts';

/** Where a Proxmox server describes its API: the viewer's program, which begins with it (pve-docs, Makefile), or the data alone. */
const FILES = ['/pve-docs/api-viewer/apidoc.js', '/pve-docs/api-viewer/apidata.js'] as const;
/** Longest text of an answer, characters. */
const MOST = 100_000;
/** Longest parameter that a person is shown, characters. */
const LONGEST = 200;

/** Of each server, once it was read; it goes when the session's view of its servers does. */
const schemas = new WeakMap<object, Map<string, Promise<ApiSchema>>>();

/** Only these tools need it, and it is large. */
function schemaOf(call: Call): Promise<ApiSchema> {
  const known = schemas.get(call.session) ?? new Map<string, Promise<ApiSchema>>();
  schemas.set(call.session, known);
  const loaded = known.get(call.server) ?? load(call);
  known.set(call.server, loaded);
  loaded.catch(() => known.delete(call.server));
  return loaded;
}

async function load(call: Call): Promise<ApiSchema> {
  const module = import('../api-schema.ts');
  const [first, second] = FILES;
  const text = await call.file(first).catch(() => call.file(second));
  const { ApiSchema } = await module;
  return new ApiSchema(text);
}

const method = z.enum(['GET', 'POST', 'PUT', 'DELETE']);

/** `pve_api_search`: what the API has. */
export const apiSearch = defineTool({
  name: 'pve_api_search',
  title: 'Search the Proxmox API',
  description: 'Finds endpoints of the API by words in their path, parameters and description, for pve_api_call.',
  operation: 'monitor',
  input: z.strictObject({
    query: z.string().min(1).max(200),
    method: method.optional(),
    limit: z.int().min(1).max(50).default(10),
  }),
  output: z.object({
    ...fromServer,
    endpoints: z.array(
      z.object({
        method: z.string(),
        path: z.string(),
        description: z.string(),
        operations: z.array(z.string()).describe('Classes that security.allowed_operations must name'),
        refused: z.string().optional().describe('Why pve_api_call does not do it'),
        parameters: z.record(
          z.string(),
          z.object({ required: z.boolean(), type: z.string(), description: z.string() }),
        ),
      }),
    ),
  }),
  async run(call, { query, method: wanted, limit }) {
    const endpoints = (await schemaOf(call)).search(query, wanted, limit).map(shown);
    const lines = endpoints.map((one) => `${one.method} ${one.path}: ${one.description.split('\n')[0]}`);
    return { structured: { server: call.server, endpoints }, text: lines.join('\n') || 'Nothing is found' };
  },
});

function shown({ method: name, template, description, parameters }: Endpoint) {
  const { operations, refused } = needOf(name, template);
  const entries = Object.entries(parameters).map(([key, one]) => {
    const type = one.enum ? one.enum.join(' | ') : (one.type ?? 'string');
    return [key, { required: !Number(one.optional ?? 0), type, description: one.description ?? '' }] as const;
  });
  return {
    method: name,
    path: template,
    description,
    operations: [...operations],
    refused,
    parameters: Object.fromEntries(entries),
  };
}

const value = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);

/** `pve_api_call`: whatever no other tool does. */
export const apiCall = defineChange({
  name: 'pve_api_call',
  title: 'Call any endpoint of the Proxmox API',
  description:
    "Calls an endpoint of the API, for what no other tool does; pve_api_search finds it. Parameters are checked against the API's own description. GET reads; everything else is planned first, and then applied.",
  operation: 'derived',
  effects: ['read', 'destructive'],
  input: z.strictObject({
    method,
    path: z.string().max(1000).describe('Below /api2/json, for example /nodes/pve1/status'),
    params: z.record(z.string(), value).default({}).describe('Those that are not in the path'),
    wait_seconds: waitSeconds,
  }),
  extra: { data: z.unknown().optional().describe('With GET: what Proxmox answered') },
  async run(call, { method: verb, path, params, wait_seconds }) {
    const { endpoint, path: encoded, values } = (await schemaOf(call)).find(verb, path);
    const { operations, destructive, refused } = needOf(verb, endpoint.template);
    if (refused !== undefined)
      throw new AppError('params.invalid', `${verb} ${endpoint.template} is not called from here: ${refused}`);
    const lacking = operations.find((one) => !call.session.security.allowed_operations.includes(one));
    if (lacking !== undefined) {
      throw new AppError(
        'params.invalid',
        `${verb} ${endpoint.template} is not allowed here: "security.allowed_operations" in proxmox-config.json does not name "${lacking}"`,
      );
    }
    const { problemsOf } = await import('../api-schema.ts');
    const problems = problemsOf(endpoint, params);
    if (problems.length > 0)
      throw new AppError(
        'params.invalid',
        `Parameters of ${verb} ${endpoint.template} are not right:\n- ${problems.join('\n- ')}`,
      );
    if (!destructive) {
      const data = await call.get(withQuery(encoded, params), z.unknown());
      const text = JSON.stringify(data, null, 2) ?? 'null';
      const structured = { server: call.server, applied: false, changes: [], notes: [], data: data ?? null };
      return { structured, text: text.length > MOST ? `${text.slice(0, MOST)}\n(cut off; data has all)` : text };
    }
    const target = `${endpoint.template.replace(/\{([^}]+)\}/g, (_, name: string) => values[name] ?? '')}`;
    const guests = await guestsOf(call, endpoint.template, values, params);
    const about = { action: `${verb} ${endpoint.template}`, target, guests, destructive: true };
    const secret = Object.keys(params).filter((name) => /password|secret|token|key|content|input-data/i.test(name));
    const change: Change = {
      ...about,
      secret,
      method: verb as Change['method'],
      path: encoded,
      params,
      impact: [firstLine(endpoint.description), wordsOf(params, secret)].filter(Boolean).join(' '),
    };
    const proposal: Proposal = { changes: [change], needs: operations, waitMs: wait_seconds * 1000 };
    return guests.length === 0 ? proposal : { ...proposal, basis: await stateOf(call, guests) };
  },
});

/** The parameters, for the person who decides: all their names, none of the secrets. */
const wordsOf = (params: Params, secret: readonly string[]): string =>
  Object.entries(params)
    .map(([name, one]) => `${name}=${secret.includes(name) ? '***' : shortened(String(one))}`)
    .join(', ');

const shortened = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text);

const firstLine = (text: string): string => text.split('\n')[0]?.trim() ?? '';

/** Without a list of guests these mean all. */
const BULK = /^\/cluster\/bulk-action|\/(startall|stopall|suspendall|migrateall)$/;

/** Guests that a call names: in its path, as `vmid`, by a pool, or all of them. */
async function guestsOf(
  call: Call,
  template: string,
  values: Readonly<Record<string, string>>,
  params: Params,
): Promise<number[]> {
  const named = [values.vmid, params.vmid, params.newid, params.vms].flatMap((one) =>
    String(one ?? '').split(/[,;\s]+/),
  );
  const numbers = [...new Set(named.filter((one) => /^\d+$/.test(one)).map(Number))];
  const all = params.all !== undefined && params.all !== false && Number(params.all) !== 0;
  const whole = all || params.pool !== undefined || (numbers.length === 0 && BULK.test(template));
  if (!whole) return numbers;
  const guests = await call.get('/cluster/resources?type=vm', resources);
  const inPool = guests.filter((one) => params.pool === undefined || one.pool === params.pool);
  return [...new Set([...numbers, ...inPool.flatMap((one) => one.vmid ?? [])])];
}

async function stateOf(call: Call, guests: readonly number[]): Promise<Record<string, string>> {
  const all = await call.get('/cluster/resources?type=vm', resources);
  const own = all.filter((one) => one.vmid !== undefined && guests.includes(one.vmid));
  return { guests: digestOf(own.map(({ id, node, status, lock }) => [id, node, status, lock])) };
}
