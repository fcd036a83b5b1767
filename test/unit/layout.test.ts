import { describe, expect, it } from 'vitest';
import { Layout } from '../../src/runtime/process/layout.ts';

const SESSION = 'pts_1-abcdefghijklmnop';

describe('the layout of the process runtime', () => {
  it('has a place for each file of an instance', () => {
    expect(new Layout('/run/mcp').slot(SESSION, 'proxmox')).toEqual({
      id: `${SESSION}/proxmox`,
      session: SESSION,
      server: 'proxmox',
      pidFile: `/run/mcp/pids/${SESSION}/proxmox.pid`,
      socket: `/run/mcp/sockets/${SESSION}/proxmox.sock`,
      log: `/run/mcp/logs/${SESSION}/proxmox.log`,
      ledger: `/run/mcp/sockets/${SESSION}/proxmox.calls`,
      audit: `/run/mcp/logs/${SESSION}/proxmox.audit`,
      configDir: `/run/mcp/configs/${SESSION}`,
    });
  });

  it('says what to shorten when a socket has too long a path, before it makes anything', () => {
    const layout = new Layout(`/nowhere/${'x'.repeat(60)}`);
    expect(() => layout.prepare(layout.slot(SESSION, 'filesystem'))).toThrow(/path of 116 bytes.*runtimeRoot/);
  });
});
