import { AppError, messageOf } from '../../core/errors.ts';

/** What dockerode rejects with: an answer of the engine's, or why there was none. */
interface EngineFailure {
  readonly statusCode?: number;
  /** The engine's own words. */
  readonly json?: { readonly message?: string } | null;
}

/** The HTTP status that the engine answered with; undefined if it did not answer. */
export function statusOf(error: unknown): number | undefined {
  return (error as EngineFailure | null)?.statusCode;
}

/**
 * What the engine's refusal means for whoever wanted something of it. `runtime.unavailable`: it is not the server's fault,
 * and trying again helps once somebody has seen to it; data `lack` says to what: `engine`, `image` or `disk`.
 * @param image what containers are made of
 */
export function engineError(error: unknown, image: string): AppError {
  const words = (error as EngineFailure | null)?.json?.message ?? messageOf(error);
  const status = statusOf(error);
  const lack = (what: string, message: string) =>
    new AppError('runtime.unavailable', message, { retryAfter: 5, data: { lack: what }, cause: error });
  if (status === undefined) return lack('engine', `The Docker Engine does not answer (${words}): is it running?`);
  if (status === 404 && /no such image/i.test(words))
    return lack('image', `The Docker Engine has no image ${image}: build it (README, "With containers") or pull it`);
  if (/no space left on device|disk quota exceeded/i.test(words))
    return lack(
      'disk',
      `The disk of the Docker Engine is full (${words}): make room, for example with docker system prune`,
    );
  if (/bind source path does not exist/i.test(words))
    return new AppError('config.invalid', `A directory is not there for the Docker Engine: ${words}`, { cause: error });
  return new AppError('server.failed', `The Docker Engine refused: ${words}`, { cause: error });
}
