import { died, invalid, PveFailure } from '../failure.ts';
import type { Context, Route } from '../router.ts';
import { type Row, type SimVolume, storageAt } from '../state.ts';
import { points, sizesOf } from './guest-config.ts';

const AUDIT: Route['needs'] = ['/storage/{storage}', 'Datastore.Audit|Datastore.AllocateSpace'];
const at = (path: string) => `/nodes/{node}/storage/{storage}${path}`;
const DAY = 86_400;

function withStorage(run: (context: Context, node: string, storage: string) => unknown) {
  return (context: Context) => {
    const { node = '', storage = '' } = context.values;
    storageAt(context.state, node, storage);
    return run(context, node, storage);
  };
}

export const STORAGE_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/storage',
    run: ({ state }) =>
      state.storages.map(({ storage, type, content }) => ({ storage, type, content: content.join(',') })),
  },
  { method: 'GET', path: '/nodes/{node}/storage', params: { content: 'string' }, run: listOf },
  {
    method: 'GET',
    path: at('/rrddata'),
    params: { timeframe: 'string!', cf: 'string' },
    needs: AUDIT,
    run: withStorage(({ now }) => points(now())),
  },
  {
    method: 'GET',
    path: at('/content'),
    params: { content: 'string', vmid: 'integer' },
    needs: AUDIT,
    run: withStorage(contentOf),
  },
  {
    method: 'POST',
    path: at('/content'),
    params: { filename: 'string!', size: 'string!', vmid: 'integer!', format: 'string' },
    needs: ['/storage/{storage}', 'Datastore.AllocateSpace'],
    run: withStorage(({ values, state, now }, node, storage) => {
      const volid = `${storage}:${values.filename}`;
      const size = Number(/^\d+/.exec(values.size ?? '')?.[0] ?? 0) * 2 ** 30;
      state.volumes.set(volid, {
        volid,
        storage,
        node,
        content: 'images',
        format: 'raw',
        size,
        ctime: Math.floor(now() / 1000),
        vmid: Number(values.vmid),
      });
      return volid;
    }),
  },
  {
    method: 'PUT',
    path: at('/content/{volume}'),
    params: { notes: 'string', protected: 'boolean' },
    run: withStorage((context) => {
      const volume = volumeIn(context);
      context.check(`/storage/${volume.storage}`, 'Datastore.Allocate');
      if (context.values.protected !== undefined) volume.protected = context.values.protected === '1';
      if (context.values.notes !== undefined) volume.notes = context.values.notes;
      return null;
    }),
  },
  { method: 'DELETE', path: at('/content/{volume}'), params: { delay: 'integer' }, run: withStorage(remove) },
  {
    method: 'GET',
    path: at('/prunebackups'),
    params: { 'prune-backups': 'string', vmid: 'integer', type: 'string' },
    needs: AUDIT,
    run: withStorage(marks),
  },
  {
    method: 'POST',
    path: at('/download-url'),
    params: {
      url: 'string!',
      filename: 'string!',
      content: 'string!',
      checksum: 'string',
      'checksum-algorithm': 'string',
    },
    needs: ['/storage/{storage}', 'Datastore.AllocateTemplate'],
    run: withStorage((context, node, storage) =>
      download(context, node, storage, context.values.filename ?? '', context.values.content ?? ''),
    ),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/query-url-metadata',
    params: { url: 'string!' },
    run: ({ values }) => ({
      size: /huge/.test(values.url ?? '') ? 2 ** 50 : 2 ** 30,
      filename: values.url?.split('/').at(-1),
    }),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/aplinfo',
    run: () => [{ template: 'debian-13-standard_13.1-2_amd64.tar.zst', os: 'debian-13', section: 'system' }],
  },
  {
    method: 'POST',
    path: '/nodes/{node}/aplinfo',
    params: { storage: 'string!', template: 'string!' },
    run: (context) => {
      const { node = '', storage = '', template = '' } = context.values;
      context.check(`/storage/${storage}`, 'Datastore.AllocateTemplate');
      if (!template.startsWith('debian-')) throw invalid('template', 'no such template');
      return download(context, node, storage, template, 'vztmpl');
    },
  },
  {
    method: 'POST',
    path: '/nodes/{node}/vzdump',
    params: {
      vmid: 'string',
      all: 'boolean',
      pool: 'string',
      storage: 'string',
      mode: 'string',
      compress: 'string',
      'notes-template': 'string',
      protected: 'boolean',
    },
    run: backUp,
  },
  { method: 'GET', path: '/nodes/{node}/vzdump/extractconfig', params: { volume: 'string!' }, run: extract },
];

function listOf({ state, values, may }: Context): Row[] {
  const { node = '', content } = values;
  return state.storages
    .filter((one) => one.nodes.includes(node) && (content === undefined || one.content.includes(content)))
    .filter((one) => may(`/storage/${one.storage}`, 'Datastore.Audit|Datastore.AllocateSpace'))
    .map(({ storage, type, content: kinds, shared, total, used }) => ({
      storage,
      type,
      content: kinds.join(','),
      active: 1,
      enabled: 1,
      shared: Number(shared),
      total,
      used,
      avail: total - used,
    }));
}

function contentOf({ state, values }: Context, node: string, storage: string): Row[] {
  return [...state.volumes.values()]
    .filter((one) => one.storage === storage && (one.node === undefined || one.node === node))
    .filter((one) => values.content === undefined || one.content === values.content)
    .filter((one) => values.vmid === undefined || one.vmid === Number(values.vmid))
    .map(({ config: _, storage: _storage, node: _node, protected: kept, ...one }) => ({
      ...one,
      ...(kept && { protected: 1 }),
    }));
}

function volumeIn({ state, values }: Context): SimVolume {
  const volume = state.volumes.get(values.volume ?? '');
  if (!volume) throw died(`volume '${values.volume}' does not exist`);
  return volume;
}

function remove(context: Context, node: string): string {
  const volume = volumeIn(context);
  context.check(`/storage/${volume.storage}`, 'Datastore.Allocate|Datastore.AllocateSpace');
  return context.tasks.start({
    node,
    type: 'imgdel',
    id: volume.volid.replaceAll(':', '@'),
    user: context.user,
    work: () => {
      if (volume.protected) throw died(`volume '${volume.volid}' is protected`);
      context.state.volumes.delete(volume.volid);
      return undefined;
    },
  });
}

/** `keep-last` and `keep-daily` of each guest; what is protected stays. */
function marks({ state, values }: Context, node: string, storage: string): Row[] {
  const keep = (kind: string) =>
    Number(new RegExp(`keep-${kind}=(\\d+)`).exec(values['prune-backups'] ?? '')?.[1] ?? 0);
  const backups = [...state.volumes.values()]
    .filter(
      (one) => one.storage === storage && one.content === 'backup' && (one.node === undefined || one.node === node),
    )
    .filter((one) => values.vmid === undefined || one.vmid === Number(values.vmid))
    .sort((a, b) => b.ctime - a.ctime);
  const counts = new Map<number, { last: number; days: Set<number> }>();
  return backups.map(({ volid, ctime, vmid = 0, subtype, protected: kept }) => {
    const count = counts.get(vmid) ?? { last: 0, days: new Set() };
    counts.set(vmid, count);
    const day = Math.floor(ctime / DAY);
    const stays = count.last < keep('last') || (!count.days.has(day) && count.days.size < keep('daily'));
    count.last++;
    count.days.add(day);
    return { volid, ctime, vmid, type: subtype, mark: kept ? 'protected' : stays ? 'keep' : 'remove' };
  });
}

function download(context: Context, node: string, storage: string, filename: string, content: string): string {
  const { state, tasks, user, now } = context;
  const volid = `${storage}:${content}/${filename}`;
  if (state.volumes.has(volid)) throw died(`refusing to override existing file '${filename}'`);
  return tasks.start({
    node,
    type: 'download',
    id: filename,
    user,
    work: () => {
      if (/^0+$/.test(context.values.checksum ?? '')) throw died('checksum mismatch: got other, expected zeros');
      state.volumes.set(volid, {
        volid,
        storage,
        node,
        content,
        format: content === 'iso' ? 'iso' : 'tzst',
        size: 2 ** 30,
        ctime: Math.floor(now() / 1000),
      });
      return undefined;
    },
  });
}

function backUp(context: Context): string {
  const { state, tasks, user, values, now } = context;
  const { node = '', vmid = '', storage = 'local', mode = 'snapshot' } = values;
  storageAt(state, node, storage);
  context.check(`/storage/${storage}`, 'Datastore.AllocateSpace');
  for (const one of vmid.split(',')) context.check(`/vms/${one}`, 'VM.Backup');
  return tasks.start({
    node,
    type: 'vzdump',
    id: vmid,
    user,
    work: () => {
      for (const one of vmid.split(',').map(Number)) {
        const guest = state.guests.get(one);
        if (!guest) throw died(`no such VM ('${one}')`);
        if (guest.lock !== undefined) throw died(`Backup of VM ${one} failed - VM is locked (${guest.lock})`);
        const ctime = Math.floor(now() / 1000);
        const volid = `${storage}:backup/vzdump-${guest.type}-${one}-${ctime}.${guest.type === 'qemu' ? 'vma' : 'tar'}.zst`;
        const made: SimVolume = {
          volid,
          storage,
          content: 'backup',
          format: 'vma.zst',
          size: 2 ** 29,
          ctime,
          vmid: one,
          subtype: guest.type,
          config: structuredClone(guest.config),
          notes: `${mode} ${values['notes-template'] ?? ''}`.trim(),
        };
        if (values.protected === '1') made.protected = true;
        state.volumes.set(volid, made);
      }
      return undefined;
    },
  });
}

function extract(context: Context): string {
  const { volume = '' } = context.values;
  const backup = context.state.volumes.get(volume);
  if (!backup?.config) throw died(`volume '${volume}' does not exist`);
  if (sizesOf(backup.config) === 0 && !backup.config.cores)
    throw new PveFailure(500, 'ERROR: archive contains no configuration file');
  return Object.entries(backup.config)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n');
}
