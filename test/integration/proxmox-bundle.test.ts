import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import type { OpenServer } from '../../src/core/server-module.ts';
import { call, clientOf, log, startPve, temporaryDirectory, VARIABLES } from './proxmox-setup.ts';

// A module that is imported later may have other exports in a bundle than in the sources.
it('works as a bundle, as scripts/build.ts makes it', async () => {
  const directory = await temporaryDirectory();
  await build({
    entryPoints: [fileURLToPath(new URL('../../src/servers/proxmox/index.ts', import.meta.url))],
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const { port } = await startPve();
  const servers = { main: { ...template.servers['proxmox-primary'], port } };
  const config = JSON.stringify({ ...template, servers, default_server: 'main' });
  await writeFile(join(directory, 'proxmox-config.json'), config);
  const module = pathToFileURL(join(directory, 'index.mjs')).href;
  const { openServer } = (await import(/* @vite-ignore */ module)) as { openServer: OpenServer };
  const client = await clientOf(
    await openServer({ configDir: directory, workspace: directory, variables: VARIABLES, log }),
  );
  expect(await call(client, 'pve_guest_status', { vmid: 100 })).toMatchObject({
    structuredContent: { name: 'web', status: 'running' },
  });
  expect(await call(client, 'pve_api_call', { method: 'GET', path: '/version' })).toMatchObject({
    structuredContent: { data: { version: '9.1.1' } },
  });
});
