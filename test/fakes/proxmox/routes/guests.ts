import type { Context, Route } from '../router.ts';
import { guestAt, type SimGuest } from '../state.ts';
import { assertDigest, configOf, createParams, currentOf, points, SETTINGS, setConfig } from './guest-config.ts';
import { move, resize, unlink } from './guest-disks.ts';
import { clone, create, destroy, makeTemplate, migrate, preconditions, task } from './guest-life.ts';

const kinds = ['qemu', 'lxc'] as const;

export const GUEST_ROUTES: readonly Route[] = kinds.flatMap((type): Route[] => {
  const at = (path: string) => `/nodes/{node}/${type}/{vmid}${path}`;
  const audit: Route['needs'] = ['/vms/{vmid}', 'VM.Audit'];
  const onGuest = (run: (guest: SimGuest, context: Context) => unknown) => (context: Context) =>
    run(guestAt(context.state, context.values.node ?? '', type, context.values.vmid ?? ''), context);
  return [
    { method: 'GET', path: at('/status/current'), needs: audit, run: onGuest(currentOf) },
    { method: 'GET', path: at('/config'), needs: audit, run: onGuest(configOf) },
    {
      method: 'GET',
      path: at('/pending'),
      needs: audit,
      run: onGuest((guest) => Object.entries(guest.config).map(([key, value]) => ({ key, value }))),
    },
    {
      method: 'GET',
      path: at('/rrddata'),
      params: { timeframe: 'string!', cf: 'string' },
      needs: audit,
      run: onGuest((_, { now }) => points(now())),
    },
    {
      method: 'PUT',
      path: at('/config'),
      params: { ...SETTINGS[type], delete: 'string', digest: 'string' },
      needs: ['/vms/{vmid}', 'VM.Config.Disk|VM.Config.CPU|VM.Config.Memory|VM.Config.Network|VM.Config.Options'],
      run: onGuest((guest, context) => setConfig(guest, context, type)),
    },
    ...(type === 'qemu'
      ? [
          {
            method: 'POST' as const,
            path: at('/config'),
            params: { ...SETTINGS.qemu, delete: 'string' as const, digest: 'string' as const },
            needs: ['/vms/{vmid}', 'VM.Config.Disk'] as const,
            run: onGuest((guest, context) => {
              assertDigest(guest, context.values.digest);
              return task(guest, context, 'qmconfig', () => void setConfig(guest, context, type));
            }),
          },
        ]
      : []),
    {
      method: 'POST',
      path: `/nodes/{node}/${type}`,
      params: createParams(type),
      run: (context) => create(context, type),
    },
    {
      method: 'DELETE',
      path: at(''),
      params: {
        purge: 'boolean',
        'destroy-unreferenced-disks': 'boolean',
        ...(type === 'lxc' && { force: 'boolean' as const }),
      },
      needs: ['/vms/{vmid}', 'VM.Allocate'],
      run: onGuest(destroy),
    },
    {
      method: 'POST',
      path: at('/clone'),
      params: {
        newid: 'integer!',
        [type === 'qemu' ? 'name' : 'hostname']: 'string',
        full: 'boolean',
        target: 'string',
        storage: 'string',
        snapname: 'string',
        pool: 'string',
        description: 'string',
      },
      needs: ['/vms/{vmid}', 'VM.Clone'],
      run: onGuest(clone),
    },
    { method: 'POST', path: at('/template'), needs: ['/vms/{vmid}', 'VM.Allocate'], run: onGuest(makeTemplate) },
    {
      method: 'GET',
      path: at('/migrate'),
      params: { target: 'string' },
      needs: ['/vms/{vmid}', 'VM.Migrate'],
      run: onGuest(preconditions),
    },
    {
      method: 'POST',
      path: at('/migrate'),
      params:
        type === 'qemu'
          ? { target: 'string!', online: 'boolean', 'with-local-disks': 'boolean', targetstorage: 'string' }
          : { target: 'string!', restart: 'boolean', online: 'boolean', 'target-storage': 'string' },
      needs: ['/vms/{vmid}', 'VM.Migrate'],
      run: onGuest(migrate),
    },
    {
      method: 'PUT',
      path: at('/resize'),
      params: { disk: 'string!', size: 'string!', digest: 'string' },
      needs: ['/vms/{vmid}', 'VM.Config.Disk'],
      run: onGuest(resize),
    },
    {
      method: 'POST',
      path: at(type === 'qemu' ? '/move_disk' : '/move_volume'),
      params: {
        [type === 'qemu' ? 'disk' : 'volume']: 'string!',
        storage: 'string',
        delete: 'boolean',
        digest: 'string',
      },
      needs: ['/vms/{vmid}', 'VM.Config.Disk'],
      run: onGuest(move),
    },
    ...(type === 'qemu'
      ? [
          {
            method: 'PUT' as const,
            path: at('/unlink'),
            params: { idlist: 'string!' as const, force: 'boolean' as const },
            needs: ['/vms/{vmid}', 'VM.Config.Disk'] as const,
            run: onGuest(unlink),
          },
          {
            method: 'PUT' as const,
            path: at('/cloudinit'),
            needs: ['/vms/{vmid}', 'VM.Config.Cloudinit'] as const,
            run: onGuest(() => null),
          },
        ]
      : [
          {
            method: 'GET' as const,
            path: at('/interfaces'),
            needs: audit,
            run: onGuest(() => [{ name: 'eth0', hwaddr: 'bc:24:11:00:00:01', inet: '192.0.2.51/24', inet6: null }]),
          },
        ]),
  ];
});
