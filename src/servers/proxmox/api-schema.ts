import * as z from 'zod';
import { AppError, messageOf } from '../../core/errors.ts';
import type { Params } from './route.ts';

/** One parameter, as the API describes it (PVE::JSONSchema). Flags are 0 and 1. */
const parameter = z.looseObject({
  type: z.string().optional(),
  description: z.string().optional(),
  optional: z.union([z.number(), z.boolean(), z.string()]).optional(),
  enum: z.array(z.union([z.string(), z.number()])).nullish(),
  // Perl writes some numbers as texts.
  minimum: z.coerce.number().optional(),
  maximum: z.coerce.number().optional(),
  minLength: z.coerce.number().optional(),
  maxLength: z.coerce.number().optional(),
});
type Parameter = z.output<typeof parameter>;

const method = z.looseObject({
  description: z.string().optional(),
  parameters: z
    .looseObject({
      properties: z.record(z.string(), parameter).optional(),
      additionalProperties: z.union([z.number(), z.boolean(), z.record(z.string(), z.unknown())]).optional(),
    })
    .optional(),
});

interface ApiNode {
  readonly path: string;
  readonly info?: Readonly<Record<string, unknown>> | undefined;
  readonly children?: readonly ApiNode[] | null | undefined;
}
const node: z.ZodType<ApiNode> = z.looseObject({
  path: z.string(),
  info: z.record(z.string(), z.unknown()).optional(),
  get children() {
    return z.array(node).nullish();
  },
});

/** One method of one path of the API. */
export interface Endpoint {
  readonly method: string;
  /** With names in braces: `/nodes/{node}/qemu/{vmid}`. */
  readonly template: string;
  readonly description: string;
  /** Besides those in the path. */
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly closed: boolean;
}

/** What is asked for, found in the schema. */
export interface Found {
  readonly endpoint: Endpoint;
  /** The path with its values encoded. */
  readonly path: string;
  readonly values: Readonly<Record<string, string>>;
}

/** Names in a path whose value may hold slashes: it goes on to the end. */
const WHOLE_REST = /^\{volume\}$/;

/** The API of one Proxmox server, as that server itself describes it. */
export class ApiSchema {
  readonly endpoints: readonly Endpoint[];

  /**
   * @param text the file `/pve-docs/api-viewer/apidoc.js` of a Proxmox server, or `apidata.js`, which it begins with
   * @throws AppError `upstream.failed` if there is no schema in it
   */
  constructor(text: string) {
    this.endpoints = parse(text).flatMap(endpointsOf);
  }

  /** Endpoints whose path, parameters or description hold every word, those with it in the path first. */
  search(query: string, wanted: string | undefined, limit: number): Endpoint[] {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const ranked = this.endpoints
      .filter((one) => wanted === undefined || one.method === wanted)
      .map((one) => ({ one, rank: rankOf(one, words) }))
      .filter(({ rank }) => rank >= 0);
    ranked.sort((a, b) => b.rank - a.rank || a.one.template.length - b.one.template.length);
    return ranked.slice(0, limit).map(({ one }) => one);
  }

  /** @throws AppError `params.invalid` if there is no such method and path */
  find(wanted: string, path: string): Found {
    const segments = segmentsOf(path);
    const matches = this.endpoints.flatMap((endpoint) => {
      const values = match(endpoint.template, segments);
      return values ? [{ endpoint, values }] : [];
    });
    if (matches.length === 0) {
      throw new AppError('params.invalid', `The API has no path ${path}. pve_api_search finds those that there are`);
    }
    const own = matches.filter(({ endpoint }) => endpoint.method === wanted);
    // A word of its own is meant before a name in braces.
    const found = own.sort((a, b) => braces(a.endpoint) - braces(b.endpoint))[0];
    if (!found) {
      const methods = [...new Set(matches.map(({ endpoint }) => endpoint.method))].join(', ');
      throw new AppError('params.invalid', `${path} has no method ${wanted}; it has: ${methods}`);
    }
    return { ...found, path: pathOf(found.endpoint.template, segments) };
  }
}

const braces = ({ template }: Endpoint): number => template.split('{').length;

/** The array that the file assigns, whatever follows it. */
function parse(text: string): readonly ApiNode[] {
  try {
    const start = text.indexOf('[', text.search(/\bapiSchema\s*=/));
    return z.array(node).parse(JSON.parse(text.slice(start, endOfArray(text, start))));
  } catch (error) {
    throw new AppError(
      'upstream.failed',
      `What Proxmox says about its API cannot be read (${messageOf(error).slice(0, 200)}); the other tools do without it`,
    );
  }
}

function endOfArray(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at >= 0 && at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++;
    } else if (character === '[') depth++;
    else if (character === ']' && --depth === 0) return at + 1;
  }
  throw new Error('no array is assigned to apiSchema');
}

function endpointsOf({ path, info, children }: ApiNode): Endpoint[] {
  const own = Object.entries(info ?? {}).flatMap(([name, raw]): Endpoint[] => {
    const one = method.safeParse(raw).data;
    if (!one) return [];
    const { properties = {}, additionalProperties } = one.parameters ?? {};
    const parameters = Object.fromEntries(Object.entries(properties).filter(([key]) => !path.includes(`{${key}}`)));
    const closed = additionalProperties === 0 || additionalProperties === false;
    return [{ method: name, template: path, description: one.description ?? '', parameters, closed }];
  });
  return [...own, ...(children ?? []).flatMap(endpointsOf)];
}

function rankOf({ template, description, parameters }: Endpoint, words: readonly string[]): number {
  const path = template.toLowerCase();
  const rest = `${description} ${Object.keys(parameters).join(' ')}`.toLowerCase();
  let rank = 0;
  for (const word of words) {
    if (path.includes(word)) rank += 3;
    else if (rest.includes(word)) rank += 1;
    else return -1;
  }
  return rank;
}

/** @throws AppError `params.invalid` for anything but a plain path */
function segmentsOf(path: string): readonly string[] {
  const segments = path
    .replace(/^\/api2\/json(?=\/)/, '')
    .replace(/\/$/, '')
    .split('/')
    .slice(1);
  const odd = segments.some((one) => one === '' || one === '.' || one === '..' || /[?#%\\\s]/.test(one));
  if (path.startsWith('/') && !odd) return segments;
  throw new AppError(
    'params.invalid',
    'path must be one below /api2/json, such as /nodes/pve1/status: without a query (that is "params"), and not encoded',
  );
}

function match(template: string, segments: readonly string[]): Record<string, string> | undefined {
  const parts = template.split('/').slice(1);
  const last = parts.at(-1) ?? '';
  const long = WHOLE_REST.test(last);
  if (long ? segments.length < parts.length : segments.length !== parts.length) return undefined;
  const values: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const segment = segments[index] as string;
    const isLast = index === parts.length - 1;
    if (/^\{.*\}$/.test(part)) values[part.slice(1, -1)] = long && isLast ? segments.slice(index).join('/') : segment;
    else if (part !== segment) return undefined;
  }
  return values;
}

function pathOf(template: string, segments: readonly string[]): string {
  const count = template.split('/').length - 1;
  const rest = segments.slice(count - 1).join('/');
  return `/${[...segments.slice(0, count - 1), rest].map(encodeURIComponent).join('/')}`;
}

/**
 * Everything that is wrong with the parameters of a call, by their names; empty if nothing is. Proxmox looks again.
 */
export function problemsOf({ parameters, closed }: Endpoint, params: Params): string[] {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    // net[n] stands for net0, net1, ...
    const schema = Object.hasOwn(parameters, name) ? parameters[name] : parameters[name.replace(/\d+$/, '[n]')];
    if (!schema) {
      if (closed) problems.push(`${name}: is not known`);
      continue;
    }
    for (const one of Array.isArray(value) ? value : [value]) {
      const problem = problemOf(schema, one);
      if (problem !== undefined) problems.push(`${name}: ${problem}`);
    }
  }
  for (const [name, schema] of Object.entries(parameters)) {
    if (!Number(schema.optional ?? 0) && params[name] === undefined) problems.push(`${name}: is missing`);
  }
  return problems;
}

function problemOf(schema: Parameter, value: string | number | boolean): string | undefined {
  const text = typeof value === 'boolean' ? String(Number(value)) : String(value);
  if (schema.type === 'integer' && !/^-?\d+$/.test(text)) return 'is no whole number';
  if (schema.type === 'number' && !Number.isFinite(Number(text))) return 'is no number';
  if (schema.type === 'boolean' && !/^([01]|on|off|yes|no|true|false)$/i.test(text)) return 'is neither 0 nor 1';
  if (schema.enum && !schema.enum.map(String).includes(text)) return `is none of ${schema.enum.join(', ')}`;
  if (schema.minimum !== undefined && Number(text) < schema.minimum) return `is below ${schema.minimum}`;
  if (schema.maximum !== undefined && Number(text) > schema.maximum) return `is above ${schema.maximum}`;
  if (schema.maxLength !== undefined && text.length > schema.maxLength) return `is longer than ${schema.maxLength}`;
  if (schema.minLength !== undefined && text.length < schema.minLength) return `is shorter than ${schema.minLength}`;
  return undefined;
}
