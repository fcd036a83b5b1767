import { AppError } from '../../core/errors.ts';
import type { Settings } from './settings.ts';
import { storageTaken } from './sizes.ts';
import type { Call, Change } from './tool.ts';
import { bytes } from './units.ts';

const FILE = 'proxmox-config.json';

/**
 * The limits of `security`, on what a proposal really touches and takes.
 * @throws AppError `params.invalid` that names the limit
 */
export async function checkLimits(settings: Settings, call: Call, changes: readonly Change[]): Promise<void> {
  const touched = new Set(
    changes.flatMap(({ guests, target }): readonly (number | string)[] => (guests.length > 0 ? guests : [target])),
  );
  if (touched.size > settings.maxGuests) {
    throw new AppError(
      'params.invalid',
      `This would change ${touched.size} guests, and "security.max_vms_per_operation" in ${FILE} allows ${settings.maxGuests} in one call. Nothing was changed; do it in smaller steps`,
    );
  }
  const sizes = await Promise.all(changes.map((change) => storageTaken(call, change)));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total > settings.maxStorageBytes) {
    throw new AppError(
      'params.invalid',
      `This would take ${bytes(total)} of storage, and "security.max_storage_gb" in ${FILE} allows ${bytes(settings.maxStorageBytes)} in one call. Nothing was changed`,
    );
  }
}
