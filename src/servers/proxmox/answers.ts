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

/** Rows whose fields are passed on as they are; what a tool itself reads of them is named. */
const row = <T extends z.core.$ZodLooseShape>(shape: T) => z.array(z.looseObject(shape));
export const records = z.array(z.record(z.string(), z.unknown()));
export const record = z.record(z.string(), z.unknown());

/** `GET /nodes/{node}/{qemu,lxc}/{vmid}/config`. */
export const config = z.looseObject({ digest: text, name: text, hostname: text, template: optional(flag), tags: text });
export type GuestConfig = z.output<typeof config>;

/** `GET /nodes/{node}/{qemu,lxc}/{vmid}/snapshot`: `current` is no snapshot but where the guest is now. */
export const snapshots = z.array(
  z.object({ name: z.string(), snaptime: amount, description: text, parent: text, vmstate: optional(flag) }),
);

/** `GET /nodes/{node}/tasks/{upid}/status`. */
export const taskStatus = z.object({
  upid: text,
  node: text,
  type: text,
  id: text,
  user: text,
  status: z.enum(['running', 'stopped']),
  exitstatus: text,
  starttime: amount,
});

/** `GET /nodes/{node}/tasks/{upid}/log`. */
export const taskLog = z.array(z.object({ n: number, t: z.string() }));

/** `GET /nodes/{node}/tasks` and `GET /cluster/tasks`. */
export const tasks = z.array(
  z.object({
    upid: z.string(),
    node: text,
    type: text,
    id: text,
    user: text,
    status: text,
    starttime: amount,
    endtime: amount,
  }),
);

/** `GET /nodes/{node}/storage`. */
export const storages = z.array(
  z.object({
    storage: z.string(),
    type: z.string(),
    content: list,
    active: optional(flag),
    enabled: optional(flag),
    shared: optional(flag),
    used: amount,
    avail: amount,
    total: amount,
  }),
);

/** `GET /nodes/{node}/storage/{storage}/content`. */
export const volumes = z.array(
  z.object({
    volid: z.string(),
    content: text,
    format: text,
    size: amount,
    used: amount,
    ctime: amount,
    vmid: amount,
    notes: text,
    subtype: text,
    parent: text,
    protected: optional(flag),
    encrypted: text,
    verification: optional(z.looseObject({ state: text })),
  }),
);
export type Volume = z.output<typeof volumes>[number];

/** `GET /nodes/{node}/storage/{storage}/prunebackups`. */
export const pruneMarks = z.array(
  z.object({ volid: z.string(), mark: z.string(), ctime: amount, vmid: amount, type: text }),
);

/** `GET /nodes/{node}/query-url-metadata`. */
export const urlMetadata = z.object({ size: amount, filename: text, mimetype: text });

/** `GET /cluster/nextid`. */
export const nextId = number;

/** `GET /nodes`. */
export const nodes = row({ node: z.string(), status: text });

/** `GET /cluster/backup`. */
export const backupJobs = row({ id: z.string(), schedule: text, storage: text, vmid: text });

/** `GET /cluster/ha/resources`. */
export const haResources = row({ sid: z.string(), state: text, digest: text });

/** `GET .../firewall/rules`. */
export const firewallRules = row({
  pos: number,
  type: text,
  action: text,
  digest: text,
  enable: amount,
  comment: text,
});

/** `GET /nodes/{node}/{qemu,lxc}/{vmid}/migrate`. */
export const migratePreconditions = z.looseObject({
  running: optional(flag),
  allowed_nodes: optional(z.array(z.string())),
  'allowed-nodes': optional(z.array(z.string())),
  local_disks: optional(z.array(z.looseObject({ volid: text }))),
});
