import { describe, expect, it } from 'vitest';
import { parseCreateSession } from '../../src/sessions/create-session.ts';
import { CATALOGUE } from '../support/control-plane.ts';

const terminal = { name: 'pts_3', host: 'laptop', leader: { pid: 7, startedAt: '1 boot' } };
const good = { terminal, workspace: '/work' };
const parse = (body: unknown) => parseCreateSession(body, CATALOGUE);

describe('parseCreateSession', () => {
  it('takes what it describes', () => {
    const full = {
      ...good,
      servers: ['filesystem'],
      keep: true,
      lazy: true,
      attach: true,
      variables: { PROXMOX_TOKEN: 's' },
    };
    expect(parse(good)).toEqual(good);
    expect(parse(full)).toEqual(full);
  });

  const bad: [string, unknown, string][] = [
    ['no body', undefined, 'body'],
    ['an array', [], 'body'],
    ['no terminal', { workspace: '/work' }, 'terminal'],
    ['a name that was not sanitized', { ...good, terminal: { name: '../x', host: 'h' } }, 'terminal.name'],
    ['a long name', { ...good, terminal: { name: 'x'.repeat(129), host: 'h' } }, 'terminal.name'],
    ['a host with an escape', { ...good, terminal: { name: 'x', host: '\x1b[2J' } }, 'terminal.host'],
    ['a pid of 0', { ...good, terminal: { ...terminal, leader: { pid: 0, startedAt: '1' } } }, 'terminal.leader.pid'],
    ['no workspace', { terminal }, 'workspace'],
    ['a null character', { ...good, workspace: '/a\0b' }, 'workspace'],
    ['a long workspace', { ...good, workspace: `/${'x'.repeat(4096)}` }, 'workspace'],
    ['no servers', { ...good, servers: [] }, 'servers'],
    ['a field that does not exist', { ...good, wokspace: '/x' }, 'wokspace'],
    ['a wrong type', { ...good, keep: 'yes' }, 'keep'],
    ['a variable of no server', { ...good, variables: { AWS_SECRET: 's3cret' } }, 'variables.AWS_SECRET'],
    ['a variable that is no text', { ...good, variables: { PROXMOX_TOKEN: 1 } }, 'variables.PROXMOX_TOKEN'],
    [
      'a variable with a null character',
      { ...good, variables: { PROXMOX_TOKEN: 's3cret\0' } },
      'variables.PROXMOX_TOKEN',
    ],
    [
      'a variable that is too long',
      { ...good, variables: { PROXMOX_TOKEN: 's3cret'.repeat(3000) } },
      'variables.PROXMOX_TOKEN',
    ],
  ];
  it.each(bad)('refuses %s and names the field', (_, body, field) => {
    expect(() => parse(body)).toThrow(expect.objectContaining({ code: 'request.invalid' }));
    expect(() => parse(body)).toThrow(field);
    expect(() => parse(body)).not.toThrow('s3cret');
  });

  it('says every problem at once', () => {
    expect(() => parse({ terminal: { name: '', host: 'h' }, keep: 1 })).toThrow(
      expect.objectContaining({
        data: { problems: expect.arrayContaining([expect.objectContaining({ field: 'terminal.name' })]) },
        message: expect.stringMatching(/terminal\.name.*workspace.*keep/),
      }),
    );
  });

  it('says which servers there are', () => {
    const body = { ...good, servers: ['filesystem', 'constructor'] };
    expect(() => parse(body)).toThrow(expect.objectContaining({ code: 'server.unknown' }));
    expect(() => parse(body)).toThrow(/"constructor".*filesystem, proxmox/);
  });
});
