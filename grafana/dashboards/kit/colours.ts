/** The same thing has the same colour on every dashboard. Names are those of Grafana's palette. */

export const WELL = 'green';
export const WATCH = 'yellow';
export const BAD = 'red';
export const QUIET = 'text';

type Colours = Readonly<Record<string, string>>;

/** Of the values of a label. What is not here gets a colour of the palette that its name decides, the same everywhere. */
const OF_LABEL: Readonly<Record<string, Colours>> = {
  // reds are ours, oranges a server's, blues the client's
  error_type: {
    internal: 'dark-red',
    unavailable: 'red',
    outcome_unknown: 'purple',
    rpc_error: 'dark-orange',
    tool_error: 'orange',
    client: 'blue',
    throttled: 'super-light-blue',
    session_over: 'light-blue',
    cancelled: 'dark-blue',
  },
  state: {
    ready: WELL,
    starting: 'blue',
    pending: WATCH,
    failed: BAD,
    idle: QUIET,
    UP: WELL,
    DRAIN: 'blue',
    DOWN: BAD,
  },
  outcome: {
    ready: WELL,
    failed: BAD,
    unavailable: 'purple',
    unconfigured: QUIET,
    served: WELL,
    timed_out: BAD,
    gone: 'blue',
    done: WELL,
    refused: 'orange',
    throttled: 'super-light-blue',
  },
  result: { alive: WELL, over: 'light-blue', lost: BAD, unknown: 'blue', hit: WELL, miss: 'orange' },
  code: { '1xx': QUIET, '2xx': WELL, '3xx': 'light-blue', '4xx': 'blue', '5xx': BAD },
};

/** Of names that the dashboards give themselves. */
const OF_NAME: Colours = {
  p50: 'light-blue',
  p95: 'blue',
  p99: 'purple',
  answered: WELL,
  ours: 'red',
  'a server': 'orange',
  Proxmox: 'dark-orange',
  'a client': 'blue',
  limit: BAD,
  lost: BAD,
  expected: QUIET,
};

/** Colours of the names that a legend can show: `{{outcome}}`, or a text without a label. */
export function coloursOf(legend: string): Colours {
  const label = /^\{\{(\w+)\}\}$/.exec(legend)?.[1];
  if (label) return OF_LABEL[label] ?? {};
  const own = OF_NAME[legend];
  return own ? { [legend]: own } : {};
}
