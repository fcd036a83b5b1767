import type { ControllerMeter } from '../../src/core/controller-meter.ts';

/** Counts nothing. */
export const NO_METER: ControllerMeter = {
  inCharge: () => {},
  resigned: () => {},
  passed: () => {},
  passFailed: () => {},
  started: () => {},
  ended: () => {},
  turnedAway: () => {},
  lacked: () => {},
  surveyed: () => {},
};
