import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { records } from '../answers.ts';
import { findGuest, guestPath, nodeName, storageName, vmid } from '../guests.ts';
import { route, withQuery } from '../route.ts';
import { defineTool, fromServer } from '../tool.ts';

/** `pve_metrics`: what was measured, over time. */
export const metrics = defineTool({
  name: 'pve_metrics',
  title: 'Metrics of a Proxmox node, guest or storage',
  description:
    'Measurements over time (CPU, memory, network, disk): of a guest by vmid, of a node, or of a storage on a node.',
  operation: 'monitor',
  input: z.strictObject({
    vmid: vmid.optional(),
    node: nodeName.optional(),
    storage: storageName.optional(),
    timeframe: z.enum(['hour', 'day', 'week', 'month', 'year']).default('hour'),
    cf: z.enum(['AVERAGE', 'MAX']).default('AVERAGE').describe('How values are drawn together'),
  }),
  output: z.object({ ...fromServer, target: z.string(), points: z.array(z.record(z.string(), z.unknown())) }),
  async run(call, { vmid: number, node, storage, timeframe, cf }) {
    const target = await targetOf();
    const points = await call.get(withQuery(`${target}/rrddata`, { timeframe, cf }), records);
    const last = points.findLast((one) => one.cpu !== undefined || one.used !== undefined) ?? {};
    const text = `${points.length} points of the last ${timeframe}; the newest: ${JSON.stringify(last)}`;
    return { structured: { server: call.server, target, points }, text };

    async function targetOf(): Promise<string> {
      if (number !== undefined && node === undefined && storage === undefined)
        return guestPath(await findGuest(call, number));
      if (number === undefined && node !== undefined)
        return storage === undefined ? route`/nodes/${node}` : route`/nodes/${node}/storage/${storage}`;
      throw new AppError('params.invalid', 'Say vmid, or node, or node and storage');
    }
  },
});
