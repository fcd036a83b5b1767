import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { findGuest, guestPath, idOf, onlyQemu, vmid } from '../guests.ts';
import { defineChange } from '../proposal.ts';
import { withQuery } from '../route.ts';
import { defineTool, fromServer } from '../tool.ts';

/** What the agent can be asked -> its endpoint. */
const QUESTIONS = {
  osinfo: 'get-osinfo',
  fsinfo: 'get-fsinfo',
  users: 'get-users',
  time: 'get-time',
  hostname: 'get-host-name',
  ping: 'info',
} as const;
const result = z.looseObject({ result: z.unknown() });

/** `pve_guest_agent_info`: what a virtual machine says of itself. */
export const guestAgentInfo = defineTool({
  name: 'pve_guest_agent_info',
  title: 'Ask the QEMU guest agent',
  description:
    'Asks the agent in a virtual machine: operating system, file systems, users, time, host name, or if it is there (ping).',
  operation: 'monitor',
  input: z.strictObject({
    vmid,
    what: z.enum(['osinfo', 'fsinfo', 'users', 'time', 'hostname', 'ping']).default('osinfo'),
  }),
  output: z.object({ ...fromServer, vmid: z.number(), what: z.string(), result: z.unknown() }),
  async run(call, { vmid: number, what }) {
    const guest = await findGuest(call, number);
    onlyQemu(guest, 'a guest agent');
    const answer = await call.get(`${guestPath(guest)}/agent/${QUESTIONS[what]}`, result);
    const text = what === 'ping' ? `The agent in ${idOf(guest)} answers` : JSON.stringify(answer.result, null, 2);
    return { structured: { server: call.server, vmid: number, what, result: answer.result ?? null }, text };
  },
});

const started = z.object({ pid: z.number() });
const status = z.object({
  exited: z.union([z.boolean(), z.number()]).transform(Boolean),
  exitcode: z.number().optional(),
  signal: z.number().optional(),
  'out-data': z.string().optional(),
  'err-data': z.string().optional(),
  'out-truncated': z.union([z.boolean(), z.number()]).optional(),
});
const POLL_MS = 500;

/** `pve_guest_exec`: runs a program in a virtual machine. */
export const guestExec = defineChange({
  name: 'pve_guest_exec',
  title: 'Run a program in a Proxmox virtual machine',
  description:
    'Runs a program in a virtual machine by its guest agent, without a shell, and returns its output and exit code.',
  operation: 'manage_vms',
  effects: ['destructive'],
  input: z.strictObject({
    vmid,
    command: z.array(z.string().min(1)).min(1).max(100).describe('Program and arguments, each on its own'),
    input: z.string().max(65_536).optional().describe('What the program reads from stdin'),
    timeout: z.int().min(1).max(600).default(60).describe('How long to wait for it to end, seconds'),
  }),
  async run(call, { vmid: number, command, input, timeout }) {
    const guest = await findGuest(call, number);
    onlyQemu(guest, 'a guest agent');
    const path = `${guestPath(guest)}/agent`;
    const change = {
      method: 'POST' as const,
      path: `${path}/exec`,
      params: { command, 'input-data': input },
      secret: ['input-data'],
      action: `run ${JSON.stringify(command)}`,
      target: idOf(guest),
      guests: [number],
      destructive: true,
      impact: 'whatever the program does, with all rights that the agent has in the guest',
      follow: async (data: unknown) => {
        const { pid } = started.parse(data);
        const until = call.clock.now() + timeout * 1000;
        for (;;) {
          const now = await call.get(`${path}/exec-status?pid=${pid}`, status);
          if (now.exited) {
            const { exitcode, signal, 'out-data': stdout, 'err-data': stderr, 'out-truncated': truncated } = now;
            return { pid, exited: true, exitcode, signal, stdout, stderr, truncated: Boolean(truncated) };
          }
          if (call.clock.now() >= until) return { pid, exited: false };
          await call.progress(`pid ${pid} is running`);
          await call.clock.sleep(POLL_MS, call.signal);
        }
      },
    };
    return { changes: [change], basis: { node: guest.node, status: guest.status ?? '' } };
  },
});

const file = z.object({ content: z.string(), truncated: z.union([z.boolean(), z.number()]).optional() });

/** `pve_guest_file`: reads or writes a file in a virtual machine. */
export const guestFile = defineChange({
  name: 'pve_guest_file',
  title: 'Read or write a file in a Proxmox virtual machine',
  description: 'Reads or writes a file in a virtual machine by its guest agent. Writing replaces the file.',
  operation: 'manage_vms',
  effects: ['read', 'destructive'],
  idempotent: true,
  input: z.strictObject({
    vmid,
    action: z.enum(['read', 'write']),
    path: z.string().min(1).max(4096).describe('Absolute path in the guest'),
    content: z.string().max(60_000).optional().describe('What to write'),
  }),
  extra: { content: z.string().optional(), truncated: z.boolean().optional() },
  async run(call, { vmid: number, action, path, content }) {
    const guest = await findGuest(call, number);
    onlyQemu(guest, 'a guest agent');
    const base = `${guestPath(guest)}/agent`;
    if (action === 'read') {
      const found = await call.get(withQuery(`${base}/file-read`, { file: path }), file);
      const nothing = { applied: false, changes: [], notes: [] };
      const structured = {
        server: call.server,
        ...nothing,
        content: found.content,
        truncated: Boolean(found.truncated),
      };
      return { structured, text: found.content };
    }
    if (content === undefined) throw new AppError('params.invalid', 'content is missing: it is what is to be written');
    const change = {
      method: 'POST' as const,
      path: `${base}/file-write`,
      params: { file: path, content },
      secret: ['content'],
      action: `write ${Buffer.byteLength(content)} bytes to ${path}`,
      target: idOf(guest),
      guests: [number],
      destructive: true,
      impact: 'what the file holds now is replaced',
    };
    return { changes: [change], basis: { node: guest.node } };
  },
});
