import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workspaces } from '../../src/sessions/workspaces.ts';

describe('Workspaces', () => {
  let base = '';
  beforeAll(async () => {
    base = await realpath(await mkdtemp(join(tmpdir(), 'workspaces-')));
    for (const directory of [
      'root/project',
      'root/..hidden',
      'rootless',
      'outside',
      'home/ada/project',
      'home/ada.lovelace',
      'home/oidc:ada',
    ]) {
      await mkdir(join(base, directory), { recursive: true });
    }
    await writeFile(join(base, 'root/file'), '');
    await symlink(join(base, 'home/ada.lovelace'), join(base, 'home/ada/friend'));
    await symlink(join(base, 'outside'), join(base, 'root/escape'));
    await symlink(join(base, 'root/project'), join(base, 'root/alias'));
    await symlink(join(base, 'root'), join(base, 'link-to-root'));
    await symlink(join(base, 'nowhere'), join(base, 'root/dangling'));
  });
  afterAll(() => rm(base, { recursive: true, force: true }));

  const admit = (path: string, root = 'root') =>
    new Workspaces([join(base, 'missing'), join(base, root)]).admit(join(base, path), 'ada');

  it('admits a directory inside a root, by its real path', async () => {
    expect(await admit('root')).toBe(join(base, 'root'));
    expect(await admit('root/project')).toBe(join(base, 'root/project'));
    expect(await admit('root/project/../project/.')).toBe(join(base, 'root/project'));
    expect(await admit('root/..hidden')).toBe(join(base, 'root/..hidden'));
    expect(await admit('root/alias')).toBe(join(base, 'root/project'));
    expect(await admit('root/project', 'link-to-root')).toBe(join(base, 'root/project'));
    expect(await new Workspaces(['/']).admit(base, 'ada')).toBe(base);
  });

  it.each(['outside', 'rootless', 'root/escape', 'root/../outside', '.'])('refuses %s', async (path) => {
    await expect(admit(path)).rejects.toMatchObject({ code: 'workspace.refused', status: 403 });
  });

  it('with a root for each owner, admits nobody to the others’', async () => {
    const own = (owner: string, path: string) =>
      new Workspaces([join(base, 'home/{owner}')]).admit(join(base, path), owner);
    expect(await own('ada', 'home/ada/project')).toBe(join(base, 'home/ada/project'));
    expect(await own('oidc:ada', 'home/oidc:ada')).toBe(join(base, 'home/oidc:ada'));
    const refused = { code: 'workspace.refused', message: expect.stringContaining(`(${join(base, 'home/ada')})`) };
    for (const path of ['home/ada.lovelace', 'home/oidc:ada', 'home/ada/../ada.lovelace', 'home/ada/friend', 'home'])
      await expect(own('ada', path)).rejects.toMatchObject(refused);
    await expect(own('$&', 'home/ada')).rejects.toMatchObject({ code: 'workspace.refused' });
  });

  it.each([
    ['root/nothing', 'does not exist'],
    ['root/dangling', 'does not exist'],
    ['root/file/x', 'does not exist'],
    ['root/file', 'is not a directory'],
  ])('says what is wrong with %s', async (path, problem) => {
    await expect(admit(path)).rejects.toMatchObject({
      code: 'request.invalid',
      message: expect.stringContaining(problem),
    });
  });

  it('refuses a path that is not absolute, and everything without a root', async () => {
    await expect(new Workspaces(['/']).admit('.', 'ada')).rejects.toMatchObject({ code: 'request.invalid' });
    await expect(new Workspaces([]).admit(base, 'ada')).rejects.toMatchObject({ code: 'workspace.refused' });
  });
});
