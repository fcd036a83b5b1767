import { systemClock } from '../../core/clock.ts';
import type { OpenServer } from '../../core/server-module.ts';
import { openProxmox } from './server.ts';

/**
 * The Proxmox server (docs/proxmox.md). It is configured by `proxmox-config.json` in the session's configuration directory
 * and the variables that this file names.
 * @throws AppError `config.invalid` that names everything that is wrong in the configuration
 */
export const openServer: OpenServer = (context) => openProxmox(context, { clock: systemClock, random: Math.random });
