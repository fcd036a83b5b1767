import { after, is } from '../world.ts';
import { all, always, type Faults, FROM, leaves, MINUTES, vanishes } from './fault.ts';

const EGRESS = '10.0.0.7:9464';

export const MONITORING_FAULTS: Faults = {
  McpTargetMissing: [
    {
      what: 'the egress proxy hangs',
      happens: all(vanishes('job="egress"'), always(after(FROM, is(0), is(1)), 'up{job="egress"')),
      at: FROM + 7 * MINUTES,
      labels: { job: 'egress', instance: EGRESS },
      summary: `egress ${EGRESS} does not answer Prometheus`,
      also: ['McpReplicaMissing'],
    },
  ],
  McpMetricsAbsent: [
    {
      what: 'the egress proxy is gone',
      happens: leaves(EGRESS),
      at: FROM + 15 * MINUTES,
      labels: { job: 'egress' },
      summary: 'There are no metrics of egress',
      also: ['McpReplicaMissing'],
    },
  ],
};
