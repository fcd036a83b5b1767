import { rises } from '../world.ts';
import { always, type Faults, FROM, HOURS, MINUTES, quickens } from './fault.ts';

const UNSLOWED = ['mcp_gateway_added_seconds_bucket', 'le="0.025"'];

export const OBJECTIVE_FAULTS: Faults = {
  McpAvailabilityBurnFast: [
    {
      what: 'four calls in a hundred fail',
      happens: quickens(1, ['error_type="internal"']),
      at: FROM + 40 * MINUTES,
      summary: '2.817% of tool calls fail by our fault',
      also: ['McpAvailabilityBurnSlow'],
    },
  ],
  McpAvailabilityBurnSlow: [
    {
      what: 'one call in two hundred fails, for hours',
      happens: always(rises(0.12), 'error_type="outcome_unknown"'),
      at: 4 * HOURS,
      summary: '0.519% of tool calls fail by our fault, for a day or longer',
    },
  ],
  McpLatencyBurnFast: [
    {
      what: 'a third of the requests is slow',
      happens: quickens(20, UNSLOWED, 29.95),
      at: FROM + 65 * MINUTES,
      summary: 'Gateways add 25 ms or more to 33.33% of requests',
      also: ['McpLatencyBurnSlow'],
    },
  ],
  McpLatencyBurnSlow: [
    {
      what: 'one request in twenty is slow, for hours',
      happens: always(rises(28.5), ...UNSLOWED),
      at: 2 * HOURS,
      summary: 'Gateways add 25 ms or more to 5% of requests, for a day or longer',
    },
  ],
};
