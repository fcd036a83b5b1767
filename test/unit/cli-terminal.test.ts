import { describe, expect, it } from 'vitest';
import { findTerminal, mayUse, sameTerminal } from '../../src/cli/terminal.ts';
import { processesOn } from '../support/cli-io.ts';

const find = (env: Record<string, string>, tty: string | undefined = '/dev/pts/3', leader: number | undefined = 50) =>
  findTerminal({ env, pid: 100, hostname: 'here', processes: processesOn(tty, leader) });
const withoutTty = (env: Record<string, string>, leader = 50) =>
  findTerminal({ env, pid: 100, hostname: 'here', processes: processesOn(undefined, leader) });

describe('terminal identity', () => {
  it.each([
    ['MCP_SESSION_ID first', { MCP_SESSION_ID: 'my/work-1', SSH_TTY: '/dev/pts/9' }, 'my_work_1'],
    ['then SSH_TTY', { SSH_TTY: '/dev/pts/9' }, '_dev_pts_9'],
    ['then the tty', {}, '_dev_pts_3'],
    ['an empty variable is none', { MCP_SESSION_ID: '', SSH_TTY: '' }, '_dev_pts_3'],
    ['nothing but letters and digits', { MCP_SESSION_ID: 'ä b\n$(x)' }, '__b___x_'],
    ['the end of a long name', { MCP_SESSION_ID: `${'x'.repeat(300)}end` }, `${'x'.repeat(125)}end`],
  ])('takes its name from %s', (_, env, name) => {
    expect(find(env).terminal.name).toBe(name);
  });

  it('is called notty without a tty', () => {
    expect(withoutTty({})).toMatchObject({ terminal: { name: 'notty' }, hasTty: false, named: false });
  });

  it('has no leader where the system knows none', () => {
    const { terminal } = findTerminal({
      env: {},
      pid: 1,
      hostname: 'here',
      processes: processesOn(undefined, undefined),
    });
    expect(terminal).toEqual({ name: 'notty', host: 'here' });
  });

  it('tells two terminals with the same MCP_SESSION_ID apart', () => {
    const [one, other] = [50, 60].map((leader) => find({ MCP_SESSION_ID: 'same' }, '/dev/pts/3', leader).terminal);
    if (!one || !other) throw new Error('not found');
    expect(sameTerminal(one, other)).toBe(false);
    expect(sameTerminal(one, find({ MCP_SESSION_ID: 'same' }).terminal)).toBe(true);
  });

  it('tells a leader from a later process with its pid', () => {
    const { terminal } = find({});
    const later = { ...terminal, leader: { pid: 50, startedAt: 'another start' } };
    expect(sameTerminal(terminal, later)).toBe(false);
  });
});

describe('an inherited token', () => {
  const session = find({ MCP_SESSION_ID: 'work' }, '/dev/pts/1', 10).terminal;

  it.each([
    ['in its own terminal', find({ MCP_SESSION_ID: 'work' }, '/dev/pts/1', 10), true],
    ['not in a terminal opened from it', find({}, '/dev/pts/2', 20), false],
    ['not in one with the same name', find({ MCP_SESSION_ID: 'work' }, '/dev/pts/2', 20), false],
    ['in a program that detached itself', withoutTty({}, 30), true],
    ['in one that detached itself and has the same name', withoutTty({ MCP_SESSION_ID: 'work' }, 30), true],
    ['not in an editor that was given another name', withoutTty({ MCP_SESSION_ID: '/home/me/other' }, 30), false],
  ])('is used %s', (_, here, used) => {
    expect(mayUse(session, here)).toBe(used);
  });
});
