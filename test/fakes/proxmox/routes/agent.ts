import { died, invalid } from '../failure.ts';
import type { Context, Route } from '../router.ts';
import { guestAt, type SimGuest } from '../state.ts';

const READ: Route['needs'] = ['/vms/{vmid}', 'VM.GuestAgent.Audit|VM.GuestAgent.Unrestricted'];
const ANY: Route['needs'] = ['/vms/{vmid}', 'VM.GuestAgent.Unrestricted'];
const at = (path: string) => `/nodes/{node}/qemu/{vmid}/agent/${path}`;

/** The guest, if its agent answers. */
function withAgent(run: (guest: SimGuest, context: Context) => unknown) {
  return (context: Context) => {
    const { node = '', vmid = '' } = context.values;
    const guest = guestAt(context.state, node, 'qemu', vmid);
    if (guest.config.agent === undefined) throw died('No QEMU guest agent configured');
    if (guest.status !== 'running') throw died(`VM ${vmid} is not running`);
    if (!guest.agentRuns) throw died('QEMU guest agent is not running');
    return run(guest, context);
  };
}

const ANSWERS: Readonly<Record<string, unknown>> = {
  'get-osinfo': { id: 'debian', 'pretty-name': 'Debian GNU/Linux 13 (trixie)' },
  'get-fsinfo': [{ mountpoint: '/', type: 'ext4', 'used-bytes': 1, 'total-bytes': 2 }],
  'get-users': [{ user: 'ann', 'login-time': 1 }],
  'get-time': 1_700_000_000_000_000_000,
  'get-host-name': { 'host-name': 'web' },
  info: { version: '9.0.0' },
  'network-get-interfaces': [
    { name: 'lo', 'ip-addresses': [{ 'ip-address': '127.0.0.1', prefix: 8, 'ip-address-type': 'ipv4' }] },
    {
      name: 'eth0',
      'hardware-address': 'bc:24:11:00:00:02',
      'ip-addresses': [{ 'ip-address': '192.0.2.50', prefix: 24, 'ip-address-type': 'ipv4' }],
    },
  ],
};

/** The guest agent: `exec` echoes its command, `false` fails, `sleep` does not end. */
export const AGENT_ROUTES: readonly Route[] = [
  ...Object.entries(ANSWERS).map(
    ([name, result]): Route => ({ method: 'GET', path: at(name), needs: READ, run: withAgent(() => ({ result })) }),
  ),
  {
    method: 'POST',
    path: at('exec'),
    params: { command: 'array!', 'input-data': 'string' },
    needs: ANY,
    run: withAgent(exec),
  },
  { method: 'GET', path: at('exec-status'), params: { pid: 'integer!' }, needs: ANY, run: withAgent(execStatus) },
  {
    method: 'GET',
    path: at('file-read'),
    params: { file: 'string!', count: 'integer' },
    needs: ['/vms/{vmid}', 'VM.GuestAgent.FileRead|VM.GuestAgent.Unrestricted'],
    run: withAgent(({ files }, { values }) => {
      const content = files.get(values.file ?? '');
      if (content === undefined)
        throw died(`Agent error: failed to open file '${values.file}': No such file or directory`);
      return { content };
    }),
  },
  {
    method: 'POST',
    path: at('file-write'),
    params: { file: 'string!', content: 'string!', encode: 'boolean' },
    needs: ['/vms/{vmid}', 'VM.GuestAgent.FileWrite|VM.GuestAgent.Unrestricted'],
    run: withAgent(({ files }, { values }) => {
      files.set(values.file ?? '', values.content ?? '');
      return null;
    }),
  },
];

/** The command is kept where a file would be: the status says what it printed. */
function exec({ files }: SimGuest, { all }: Context): unknown {
  const pid = 1000 + files.size;
  files.set(`/proc/${pid}`, JSON.stringify([all.getAll('command'), all.get('input-data') ?? '']));
  return { pid };
}

function execStatus({ files }: SimGuest, { values }: Context): unknown {
  const known = files.get(`/proc/${values.pid}`);
  if (known === undefined) throw invalid('pid', 'no such process');
  const [command, input] = JSON.parse(known) as [string[], string];
  if (command[0] === 'sleep') return { exited: 0 };
  if (command[0] === 'false') return { exited: 1, exitcode: 1, 'err-data': 'failed\n' };
  return { exited: 1, exitcode: 0, 'out-data': `${command.slice(1).join(' ')}${input}\n` };
}
