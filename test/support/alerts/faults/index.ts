import { CONTROLLER_FAULTS } from './controller.ts';
import type { Faults } from './fault.ts';
import { GATEWAY_FAULTS } from './gateway.ts';
import { MONITORING_FAULTS } from './monitoring.ts';
import { OBJECTIVE_FAULTS } from './objectives.ts';
import { SERVER_FAULTS } from './servers.ts';
import { STORE_FAULTS } from './store.ts';

/** For every alert what makes it fire: a file for each group of rules (grafana/alerts/rules). */
export const FAULTS: Faults = {
  ...OBJECTIVE_FAULTS,
  ...GATEWAY_FAULTS,
  ...STORE_FAULTS,
  ...CONTROLLER_FAULTS,
  ...SERVER_FAULTS,
  ...MONITORING_FAULTS,
};
