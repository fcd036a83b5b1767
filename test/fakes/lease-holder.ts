/** Takes the lease at argv[2] and keeps it until killed; prints the epoch, or the code of the error. */
import { AppError } from '../../src/core/errors.ts';
import { FileLease } from '../../src/store/embedded/file-lease.ts';

try {
  const lease = await FileLease.acquire(process.argv[2] ?? '');
  process.stdout.write(`epoch ${lease.epoch}\n`);
  setInterval(() => lease.lost.throwIfAborted(), 60_000);
} catch (error) {
  process.stdout.write(`${error instanceof AppError ? error.code : String(error)}\n`);
}
