import * as z from 'zod';

/**
 * What the API answers, as far as the tools use it. Perl writes numbers as texts now and then, booleans are 0 and 1, and
 * what is not set is absent.
 */
const number = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+(\.\d+)?$/)
    .transform(Number),
]);
const flag = z.union([z.boolean(), number.transform((value) => value !== 0)]);
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);
/** Tags are separated by `;`, and by `,` or spaces where somebody edited the file. */
const list = optional(z.string().transform((text) => text.split(/[;,\s]+/).filter(Boolean)));
const text = optional(z.string());
const amount = optional(number);

/** `GET /cluster/resources`. */
export const resources = z.array(
  z.object({
    id: z.string(),
    type: z.string(),
    node: text,
    vmid: amount,
    name: text,
    status: text,
    template: optional(flag),
    pool: text,
    tags: list,
    lock: text,
    hastate: text,
    cpu: amount,
    maxcpu: amount,
    mem: amount,
    maxmem: amount,
    disk: amount,
    maxdisk: amount,
    uptime: amount,
    storage: text,
    plugintype: text,
    content: list,
    shared: optional(flag),
    sdn: text,
  }),
);
export type Resource = z.output<typeof resources>[number];

/** `GET /version`. */
export const version = z.object({ version: z.string(), release: text });

/** `GET /cluster/status`: one entry for the cluster, unless it is a single node, and one for each node. */
export const clusterStatus = z.array(
  z.object({ type: z.string(), name: z.string(), quorate: optional(flag), online: optional(flag), ip: text }),
);

/** `GET /cluster/ha/status/current`. */
export const haStatus = z.array(z.object({ type: z.string(), node: text, sid: text, state: text, status: text }));

/** `GET /nodes/{node}/{qemu,lxc}/{vmid}/status/current`. */
export const guestStatus = z.object({
  status: z.string(),
  name: text,
  qmpstatus: text,
  cpu: amount,
  cpus: amount,
  mem: amount,
  maxmem: amount,
  swap: amount,
  maxswap: amount,
  disk: amount,
  maxdisk: amount,
  uptime: amount,
  lock: text,
  tags: list,
  template: optional(flag),
  agent: optional(flag),
  ha: optional(z.object({ managed: optional(flag), state: text })),
});
