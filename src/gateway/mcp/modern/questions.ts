import { AppError } from '../../../core/errors.ts';
import type { RpcRequest } from '../../../core/json-rpc.ts';
import { asFields, type Fields } from '../fields.ts';

/**
 * With this in `_meta` a server of an earlier revision may name its question: the key in `inputRequests`. Then a client can
 * give the answer ahead, with the call.
 */
const KEY_HINT = 'mcp-session-manager/inputKey';
const KEY = /^[A-Za-z0-9_.-]{1,64}$/;

/** What a server may ask a client (2026-07-28, basic/patterns/mrtr, "InputRequests"), and what such questions are called. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ['elicitation/create', 'elicitation'],
  ['sampling/createMessage', 'sampling'],
  ['roots/list', 'roots'],
]);

/** The requests that may be answered with questions (2026-07-28, basic/patterns/mrtr, "Supported Requests"). */
const INTERRUPTIBLE: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

export const isInterruptible = (method: string): boolean => INTERRUPTIBLE.has(method);
export const isQuestion = (method: string): boolean => KINDS.has(method);

/**
 * The capability that a client must have declared to be asked this, as `requiredCapabilities` names it; undefined: it has.
 */
export function missingCapability({ method, params = {} }: RpcRequest, capabilities: Fields): Fields | undefined {
  const [name, part] = requirement(method, params);
  const declared = asFields(capabilities[name]);
  // An empty `elicitation` means forms (2026-07-28, client/elicitation, "Capabilities").
  const isForm = part === 'form' && declared !== undefined && Object.keys(declared).length === 0;
  if (declared && (part === undefined || isForm || asFields(declared[part]))) return undefined;
  return { [name]: part === undefined || part === 'form' ? {} : { [part]: {} } };
}

/** What a client is told that has not declared these. */
export function incapable(requiredCapabilities: Fields): AppError {
  const names = Object.keys(requiredCapabilities).join(', ');
  return new AppError('capability.missing', `This needs a client that declares ${names}`, {
    data: { requiredCapabilities },
  });
}

function requirement(method: string, params: Fields): [name: string, part?: string] {
  switch (method) {
    case 'elicitation/create':
      return ['elicitation', params.mode === 'url' ? 'url' : 'form'];
    case 'sampling/createMessage':
      return params.tools === undefined && params.toolChoice === undefined ? ['sampling'] : ['sampling', 'tools'];
    default:
      return ['roots'];
  }
}

/**
 * The key of a question: the server's own, if it named one, else one that says what it is.
 * @param number of the question within its call
 * @param isTaken whether a key is in use
 */
export function keyOfQuestion(
  { method, params }: RpcRequest,
  number: number,
  isTaken: (key: string) => boolean,
): string {
  const hint = asFields(params?._meta)?.[KEY_HINT];
  if (typeof hint === 'string' && KEY.test(hint) && !isTaken(hint)) return hint;
  let key = `${KINDS.get(method)}-${number}`;
  while (isTaken(key)) key += '_'; // the server has named another question so
  return key;
}

/** A server's request as an entry of `inputRequests`. */
export function inputRequest({ method, params = {} }: RpcRequest): Fields {
  // What was for the connection of an earlier revision: progress, tasks, and the id of an elicitation that ends elsewhere.
  const { _meta, task: _task, elicitationId: _id, ...own } = params;
  const { [KEY_HINT]: _key, progressToken: _token, ...meta } = asFields(_meta) ?? {};
  const asked = Object.keys(meta).length > 0 ? { ...own, _meta: meta } : own;
  return Object.keys(asked).length > 0 ? { method, params: asked } : { method };
}

/**
 * The client's answers by key.
 * @throws AppError `request.params` if they are not what the specification calls `InputResponses`
 */
export function answersOf({ params = {} }: RpcRequest): Map<string, Fields> {
  const { inputResponses } = params;
  if (inputResponses === undefined) return new Map();
  const fields = asFields(inputResponses);
  if (!fields) throw new AppError('request.params', 'params.inputResponses must be an object');
  return new Map(
    Object.entries(fields).map(([key, value]) => {
      const answer = asFields(value);
      if (answer) return [key, answer];
      throw new AppError(
        'request.params',
        `params.inputResponses[${JSON.stringify(key.slice(0, 64))}] must be an object`,
      );
    }),
  );
}
