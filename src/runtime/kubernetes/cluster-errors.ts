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
  return typeof code === 'number' ? code : undefined;
}

/** It is not the server's fault, and trying again helps once somebody has seen to `lack`. */
export function lacking(lack: Lack, message: string, cause?: unknown): AppError {
  return new AppError('runtime.unavailable', message, { retryAfter: 5, data: { lack }, cause });
}

/** What the API server's refusal, or its silence, means for whoever wanted something of it. */
export function clusterError(error: unknown, namespace: string): AppError {
  const status = statusOf(error);
  const words = wordsOf(error);
  if (status === undefined || status === 429 || status >= 500)
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
  const { body } = (error ?? {}) as ClusterFailure;
  const status = typeof body === 'string' ? parsed(body) : body;
  const message = (status as { message?: unknown } | null | undefined)?.message;
  if (typeof message === 'string') return message;
  if (statusOf(error) !== undefined) return `HTTP ${statusOf(error)}`;
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${messageOf(error)}${cause}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text };
  }
}
