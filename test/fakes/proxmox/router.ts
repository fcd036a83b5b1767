import { PveFailure } from './failure.ts';
import type { SimTasks } from './sim-tasks.ts';
import type { State } from './state.ts';

/** What a handler is given. */
export interface Context {
  readonly state: State;
  readonly tasks: SimTasks;
  /** `user@realm` or `user@realm!token`. */
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Values of the path's names and of the parameters; of one that is given several times the last. */
  readonly values: Readonly<Record<string, string>>;
  readonly all: URLSearchParams;
  /** Throws 403 unless the user has one of the privileges (separated by `|`) on the path. */
  check(path: string, privileges: string): void;
  may(path: string, privileges: string): boolean;
}

/** Types of parameters; with `!` it must be given. `name[n]` stands for name0, name1, ... */
export type Parameters = Readonly<
  Record<string, `${'string' | 'integer' | 'boolean' | 'number' | 'array'}${'' | '!'}`>
>;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/api2/json`, with names in braces. */
  readonly path: string;
  readonly params?: Parameters;
  /** Path and privileges that it needs: `['/vms/{vmid}', 'VM.Audit']`. */
  readonly needs?: readonly [string, string];
  /** What it does; what it returns is `data`. */
  readonly run: (context: Context) => unknown;
}

/** A route and the values in its path; undefined if there is none. */
export function find(routes: readonly Route[], method: string, path: string) {
  const segments = path.split('/').slice(1).map(decodeURIComponent);
  for (const route of routes) {
    if (route.method !== method) continue;
    const parts = route.path.split('/').slice(1);
    // A volume's id has slashes in it.
    const long = parts.at(-1) === '{volume}';
    if (long ? segments.length < parts.length : segments.length !== parts.length) continue;
    const values: Record<string, string> = {};
    const matches = parts.every((part, index) => {
      if (!part.startsWith('{')) return part === segments[index];
      values[part.slice(1, -1)] =
        long && index === parts.length - 1 ? segments.slice(index).join('/') : (segments[index] ?? '');
      return true;
    });
    if (matches) return { route, values };
  }
  return undefined;
}

const UNKNOWN = 'property is not defined in schema and the schema does not allow additional properties';

/** 400 in Proxmox's words for parameters that are missing, unknown, or of another type. */
export function checkParameters({ params = {} }: Route, given: URLSearchParams): void {
  const errors: Record<string, string> = {};
  for (const [name, value] of given) {
    const type = Object.hasOwn(params, name) ? params[name] : params[name.replace(/\d+$/, '[n]')];
    if (type === undefined) errors[name] = UNKNOWN;
    else if (type.startsWith('integer') && !/^-?\d+$/.test(value))
      errors[name] = `type check ('integer') failed - got '${value}'`;
    else if (type.startsWith('boolean') && !/^[01]$/.test(value))
      errors[name] = `type check ('boolean') failed - got '${value}'`;
  }
  for (const [name, type] of Object.entries(params)) {
    if (type.endsWith('!') && !given.has(name)) errors[name] = 'property is missing and it is not optional';
  }
  if (Object.keys(errors).length > 0) throw new PveFailure(400, 'Parameter verification failed.', errors);
}
