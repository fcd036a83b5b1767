import { join } from 'node:path';
import { AppError } from '../../core/errors.ts';
import type { Slot } from '../slots.ts';

/** Bytes of `sun_path` without its end, on Linux (unix(7)) 107 and elsewhere 103. */
const SOCKET_PATH_MAX = 103;

/** The socket of the host in a slot: the same path for the engine, the controller and the gateways. */
export function socketOf(slot: Slot): string {
  return join(slot.directory, 'host.sock');
}

/** @throws AppError `config.invalid` if the slot's path is too long for a socket */
export function checkSocket(slot: Slot): void {
  const socket = socketOf(slot);
  const length = Buffer.byteLength(socket);
  if (length > SOCKET_PATH_MAX)
    throw new AppError(
      'config.invalid',
      `The socket ${socket} has a path of ${length} bytes, and a Unix socket may have ${SOCKET_PATH_MAX}: ` +
        'set socketRoot to a shorter directory, or give the server a shorter name',
    );
}
