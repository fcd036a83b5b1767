import { died, PveFailure } from '../failure.ts';
import type { Context, Parameters, Route } from '../router.ts';
import { type GuestType, guestAt, type SimGuest, shortType } from '../state.ts';

type Action = 'start' | 'stop' | 'shutdown' | 'reboot' | 'reset' | 'suspend' | 'resume';

const PARAMS: Readonly<Record<GuestType, Partial<Record<Action, Parameters>>>> = {
  qemu: {
    start: { timeout: 'integer' },
    stop: { timeout: 'integer' },
    shutdown: { forceStop: 'boolean', timeout: 'integer' },
    reboot: { timeout: 'integer' },
    reset: {},
    suspend: { todisk: 'boolean' },
    resume: {},
  },
  lxc: {
    start: {},
    stop: {},
    shutdown: { forceStop: 'boolean', timeout: 'integer' },
    reboot: { timeout: 'integer' },
    suspend: {},
    resume: {},
  },
};

/** Starting and stopping; what is refused at once and what in the task differs for both kinds (wire facts, "Synchronous"). */
export const POWER_ROUTES: readonly Route[] = (['qemu', 'lxc'] as const).flatMap((type) =>
  Object.entries(PARAMS[type]).map(
    ([action, params]): Route => ({
      method: 'POST',
      path: `/nodes/{node}/${type}/{vmid}/status/${action}`,
      params,
      needs: ['/vms/{vmid}', 'VM.PowerMgmt'],
      run: (context) => change(context, type, action as Action),
    }),
  ),
);

function change({ state, tasks, user, values }: Context, type: GuestType, action: Action): string {
  const { node = '', vmid = '' } = values;
  const guest = guestAt(state, node, type, vmid);
  if (guest.ha !== undefined && (action === 'start' || action === 'stop' || action === 'shutdown')) {
    const wanted = action === 'start' ? 'started' : 'stopped';
    guest.ha = wanted;
    // Its manager acts on its own, after this task has ended.
    tasks.defer(() => set(guest, action));
    return tasks.start({
      node,
      type: action === 'start' ? 'hastart' : 'hastop',
      id: vmid,
      user,
      work: () => undefined,
    });
  }
  refuse(guest, action);
  const prefix = type === 'qemu' ? 'qm' : 'vz';
  const name = type === 'qemu' && action === 'suspend' ? 'qmpause' : `${prefix}${action}`;
  return tasks.start({
    node,
    type: name,
    id: vmid,
    user,
    work: () => {
      assertUnlocked(guest);
      if (type === 'qemu' && action === 'start' && guest.status === 'running') throw died(`VM ${vmid} already running`);
      return set(guest, action);
    },
  });
}

/** What is refused before there is a task. */
function refuse(guest: SimGuest, action: Action): void {
  const { type, vmid, status, paused } = guest;
  const name = `${shortType(type)} ${vmid}`;
  if (type === 'lxc') {
    if (action === 'start' && status === 'running') throw died(`${name} already running`);
    if (action !== 'start' && status === 'stopped') throw died(`${name} not running`);
    return;
  }
  if (action === 'start' && guest.config.template) throw new PveFailure(500, `you can't start a vm if it's a template`);
  if (['reboot', 'reset', 'suspend', 'resume'].includes(action) && status === 'stopped')
    throw died(`${name} not running`);
  if (action === 'shutdown' && paused) throw died('VM is paused - cannot shutdown');
}

export function assertUnlocked({ type, lock }: SimGuest): void {
  if (lock !== undefined) throw died(`${shortType(type)} is locked (${lock})`);
}

function set(guest: SimGuest, action: Action): undefined {
  guest.status = action === 'stop' || action === 'shutdown' ? 'stopped' : 'running';
  guest.paused = action === 'suspend';
}
