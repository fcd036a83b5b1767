import { z } from 'zod';
import type { CreateSession } from '../core/api.ts';
import type { Catalogue } from '../core/catalogue.ts';
import { AppError } from '../core/errors.ts';
import type { ServerName } from '../core/ids.ts';

/** Anything but control characters: these texts end up in terminals, logs and file names. */
const printable = (length: number) =>
  z
    .string()
    .min(1)
    .max(length)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    .regex(/^[^\x00-\x1f\x7f]*$/, 'must not hold control characters');

const schema = z.strictObject({
  terminal: z.strictObject({
    name: z
      .string()
      .max(128)
      .regex(/^[a-zA-Z0-9_]+$/, 'must consist of letters, digits and underscores'),
    host: printable(255),
    leader: z.strictObject({ pid: z.int().positive(), startedAt: printable(128) }).optional(),
  }),
  workspace: z
    .string()
    .min(1)
    .max(4096)
    .refine((path) => !path.includes('\0'), 'must not hold a null character'),
  servers: z.array(z.string()).min(1).max(64).optional(),
  keep: z.boolean().optional(),
  attach: z.boolean().optional(),
  lazy: z.boolean().optional(),
  /** 128 KiB is what Linux allows for one variable; a secret is far smaller. */
  variables: z
    .record(
      z.string(),
      z
        .string()
        .max(16_384)
        // No environment can hold it, and Node's error for that would repeat the value.
        .refine((value) => !value.includes('\0'), 'must not hold a null character'),
    )
    .refine((variables) => Object.keys(variables).length <= 256, 'must not be more than 256')
    .optional(),
});

/**
 * `body` as a request that this catalogue can serve. Throws `request.invalid`, with every problem and its field, or
 * `server.unknown`. No value of a variable is in a message.
 */
export function parseCreateSession(body: unknown, catalogue: Catalogue): CreateSession {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw invalid(parsed.error.issues.map((issue) => problemOf(issue)));
  // A field that is absent is undefined here; the cast only adapts it to exactOptionalPropertyTypes.
  const request = parsed.data as CreateSession;
  for (const name of request.servers ?? []) if (!catalogue.has(name)) throw unknownServer(name, catalogue);
  const allowed = new Set([...catalogue.values()].flatMap((entry) => entry.variables));
  const foreign = Object.keys(request.variables ?? {}).filter((name) => !allowed.has(name));
  if (foreign.length > 0) {
    throw invalid(
      foreign.map((name) => ({ field: `variables.${name}`, problem: 'no server of the catalogue has this variable' })),
    );
  }
  return request;
}

/** The error for a name that the catalogue does not have. */
export function unknownServer(name: ServerName, catalogue: Pick<Catalogue, 'keys'>): AppError {
  const known = [...catalogue.keys()].join(', ');
  return new AppError('server.unknown', `There is no server "${name.slice(0, 64)}" here; there are: ${known}`);
}

interface Problem {
  readonly field: string;
  readonly problem: string;
}

function problemOf(issue: z.core.$ZodIssue): Problem {
  return { field: issue.path.map(String).join('.') || 'body', problem: issue.message };
}

function invalid(problems: readonly Problem[]): AppError {
  const text = problems.map(({ field, problem }) => `${field}: ${problem}`).join('; ');
  return new AppError('request.invalid', `The request cannot be used: ${text}`, { data: { problems } });
}
