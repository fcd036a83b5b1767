import { AppError, messageOf } from '../../core/errors.ts';

/** What somebody has to see to before trying again helps: data `lack` of `runtime.unavailable`. */
export const LACKS = ['cluster', 'permission', 'quota', 'namespace', 'image', 'room', 'workspace', 'node'] as const;
export type Lack = (typeof LACKS)[number];

/** What the client rejects with: an answer of the API server's, or why there was none. */
interface ClusterFailure {
  readonly code?: unknown;
  /** The server's `Status` (API conventions, "Response Status Kind"), or its text. */
  readonly body?: unknown;
}

/** The HTTP status that the API server answered with; undefined if it did not answer. */
export function statusOf(error: unknown): number | undefined {
  const { code } = (error ?? {}) as ClusterFailure;
  // One that came too late or was given up has a number there as well, which is no status.
  return typeof code === 'number' && !(error instanceof DOMException) ? code : undefined;
}

/** Whether an object of this name is there; a conflict can be something else, such as a quota that many count in at once. */
export function isNameTaken(error: unknown): boolean {
  return statusOf(error) === 409 && statusIn(error)?.reason === 'AlreadyExists';
}

/** It is not the server's fault, and trying again helps once somebody has seen to `lack`. */
export function lacking(lack: Lack, message: string, cause?: unknown): AppError {
  return new AppError('runtime.unavailable', message, { retryAfter: 5, data: { lack }, cause });
}

/** What the API server's refusal, or its silence, means for whoever wanted something of it. */
export function clusterError(error: unknown, namespace: string): AppError {
  const status = statusOf(error);
  const words = wordsOf(error);
  if (status === 409 || status === 429)
    return lacking('cluster', `The Kubernetes API has too much to do at once (${words}): it is tried again`, error);
  if (status === undefined || status >= 500)
    return lacking(
      'cluster',
      `The Kubernetes API does not answer (${words}): is the cluster's control plane up?`,
      error,
    );
  if (status === 404 || (status === 403 && /is being terminated/.test(words)))
    return lacking(
      'namespace',
      `Kubernetes has no namespace ${namespace} (${words}): make it, or set namespace`,
      error,
    );
  if (status === 403 && /exceeded quota/.test(words))
    return lacking('quota', `The namespace ${namespace} is full: ${words}: raise its ResourceQuota`, error);
  if (status === 401 || (status === 403 && /\bcannot \w+ resource\b|service account/i.test(words)))
    return lacking('permission', `Kubernetes does not let the controller do this: ${words}: see its Role`, error);
  return new AppError('config.invalid', `Kubernetes refuses the Pod: ${words}`, { cause: error });
}

function wordsOf(error: unknown): string {
  const message = statusIn(error)?.message;
  if (typeof message === 'string') return message;
  if (statusOf(error) !== undefined) return `HTTP ${statusOf(error)}`;
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${messageOf(error)}${cause}`;
}

/** The server's `Status`, as far as it came. */
function statusIn(error: unknown): { readonly message?: unknown; readonly reason?: unknown } | null | undefined {
  const { body } = (error ?? {}) as ClusterFailure;
  return typeof body === 'string' ? parsed(body) : (body as object | null | undefined);
}

function parsed(text: string): object | null {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text };
  }
}
