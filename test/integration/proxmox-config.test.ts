import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import type { ServerContext } from '../../src/core/server-module.ts';
import { openServer } from '../../src/servers/proxmox/index.ts';
import { clientOf, log, temporaryDirectory, VARIABLES } from './proxmox-setup.ts';

describe('configuration file', () => {
  /** What the host says to the server, with `text` as the file; without a file if absent. */
  async function contextWith(text?: string): Promise<ServerContext> {
    const directory = await temporaryDirectory();
    if (text !== undefined) await writeFile(join(directory, 'proxmox-config.json'), text);
    return { configDir: directory, workspace: directory, variables: VARIABLES, log };
  }

  it('is opened as the template has it', async () => {
    const client = await clientOf(await openServer(await contextWith(JSON.stringify(template))));
    expect(client.getServerVersion()).toMatchObject({ name: 'proxmox' });
  });

  it('that is not there is named', async () => {
    await expect(openServer(await contextWith())).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringMatching(/proxmox-config\.json is not right:\n- \(whole file\): cannot be read \(ENOENT/),
    });
  });

  it('of a terminal that has exported nothing is no mistake of anybody', async () => {
    const context = await contextWith(JSON.stringify(template));
    await expect(openServer({ ...context, variables: {} })).rejects.toMatchObject({ code: 'server.unconfigured' });
  });

  it('that is not JSON is named with the place, but not its text', async () => {
    const refusal = openServer(await contextWith('{"token": s3cr3t}'));
    await expect(refusal).rejects.toThrow(
      /proxmox-config\.json.*\n- \(whole file\): is not JSON: Unexpected token 's'$/,
    );
    await expect(refusal).rejects.not.toThrow(/s3cr3t/);
  });

  it('is reported with all that is wrong in it and in its variables', async () => {
    const servers = { ...template.servers, two: { ...template.servers['proxmox-primary'], host: '${TWO}', port: 0 } };
    const context = await contextWith(JSON.stringify({ ...template, servers, extra: 1 }));
    const variables = { PROXMOX_USER: 'username@realm' };
    const refusal: unknown = await openServer({ ...context, variables }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'config.invalid', data: { file: 'proxmox-config.json' } });
    const { problems } = (refusal as { data: { problems: { path: string }[] } }).data;
    expect(problems.map((one) => one.path)).toEqual([
      'servers.two.port',
      'extra',
      'servers.proxmox-primary.host',
      'servers.proxmox-primary.username',
      'servers.proxmox-primary.token_env_var',
      'servers.two.host',
      'servers.two.username',
      'servers.two.token_env_var',
    ]);
    expect((refusal as Error).message).toContain('- servers.proxmox-primary.host: variable PROXMOX_HOST is not set');
  });
});
