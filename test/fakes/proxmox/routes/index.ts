import type { Route } from '../router.ts';
import { AGENT_ROUTES } from './agent.ts';
import { CLUSTER_ROUTES } from './cluster.ts';
import { GUEST_ROUTES } from './guests.ts';
import { OTHER_ROUTES } from './nodes.ts';
import { POWER_ROUTES } from './power.ts';
import { SNAPSHOT_ROUTES } from './snapshots.ts';
import { STORAGE_ROUTES } from './storage.ts';

/** Every endpoint that the simulator has, besides the login. */
export const ROUTES: readonly Route[] = [
  ...CLUSTER_ROUTES,
  ...OTHER_ROUTES,
  ...GUEST_ROUTES,
  ...POWER_ROUTES,
  ...SNAPSHOT_ROUTES,
  ...AGENT_ROUTES,
  ...STORAGE_ROUTES,
];
