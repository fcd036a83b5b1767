import type { Request, Response } from 'express';
import { z } from 'zod';
import { AppError } from '../core/errors.ts';
import type { Person, Role } from '../core/people.ts';

/** What a route is given, checked. */
export interface Call<Query = unknown, Body = unknown> {
  /** Who calls; undefined: nobody has to be known here. */
  readonly person: Person | undefined;
  /** Where the request came from. */
  readonly address: string;
  readonly query: Query;
  readonly body: Body;
  readonly params: Readonly<Record<string, string>>;
  readonly request: Request;
  readonly response: Response;
}

/** One operation of the admin API: what serves it, what documents it, and who may use it. */
export interface AdminRoute {
  readonly method: 'get' | 'post';
  /** As express and, with braces, OpenAPI write it: `/replicas/:id/drain`. */
  readonly path: string;
  /** Its name, in the document and in the audit log. */
  readonly operation: string;
  readonly summary: string;
  /** Who may; `everybody`: a stranger too. */
  readonly roles: readonly Role[] | 'everybody';
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly status: number;
  /** What it answers, and what that is. */
  readonly answer: z.ZodType;
  /** Who calls with a token that may have been logged out is let in, while the store cannot tell. */
  readonly lenient?: true;
  /** What is acted on, for the audit log. */
  readonly target?: (call: Call) => string | undefined;
  readonly handle: (call: Call) => Promise<object>;
}

/** What nobody changes is good enough for an answer. */
type Constant<T> = T extends readonly (infer Item)[]
  ? readonly Constant<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Constant<T[Key]> }
    : T;

interface RouteOptions<Query extends z.ZodObject, Body extends z.ZodType, Answer extends z.ZodType>
  extends Omit<AdminRoute, 'handle' | 'query' | 'body' | 'answer' | 'status' | 'target'> {
  readonly query?: Query;
  readonly body?: Body;
  readonly status?: number;
  readonly answer: Answer;
  readonly target?: (call: Call<z.output<Query>, z.output<Body>>) => string | undefined;
  readonly handle: (call: Call<z.output<Query>, z.output<Body>>) => Promise<Constant<z.input<Answer>> & object>;
}

/** A route whose `handle` knows the types of what was checked. */
export function route<Query extends z.ZodObject, Body extends z.ZodType, Answer extends z.ZodType>(
  options: RouteOptions<Query, Body, Answer>,
): AdminRoute {
  return { status: 200, ...options } as unknown as AdminRoute;
}

/** `value` as the schema has it. Throws `request.invalid` with every problem and its field. */
export function checked(schema: z.ZodType | undefined, value: unknown): unknown {
  if (!schema) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => ({
    field: issue.path.map(String).join('.') || 'request',
    problem: issue.message.slice(0, 200),
  }));
  const text = problems.map(({ field, problem }) => `${field}: ${problem}`).join('; ');
  throw new AppError('request.invalid', `The request cannot be used: ${text}`, { data: { problems } });
}

/** Developers reach what is theirs; the others everything. */
export const mayReach = (person: Person | undefined, { owner }: { readonly owner: string }): boolean =>
  person !== undefined && (person.role !== 'developer' || person.name === owner);

/** How lists come in pages. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(500).default(100).describe('Items of a page'),
  after: z.string().max(200).optional().describe('`next` of the page before'),
};

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next: z.string().optional().describe('Given back as `after`; absent on the last page'),
  });
