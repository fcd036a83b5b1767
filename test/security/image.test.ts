import { lstatSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LABEL } from '../../src/runtime/labels.ts';
import { specOf } from '../contract/runtime.ts';
import { type DockerPlace, openDockerPlace } from '../support/docker-place.ts';
import { requires } from '../support/requires.ts';

const BASE = 'node:24-bookworm-slim';

requires('docker')('an image that somebody else has made', () => {
  let place: DockerPlace;
  let image: string;
  beforeEach(async () => {
    place = await openDockerPlace();
    image = `${place.deployment}-hostile:1`;
    const base = await place.docker.createContainer({ Image: BASE, Cmd: ['true'] });
    const [repo, tag] = image.split(':');
    const changes = [
      `LABEL ${LABEL.deployment}=other ${LABEL.session}=other-aaaaaaaaaaaaaaaa ${LABEL.owner}=other ${LABEL.epoch}=99`,
      'LABEL devcontainer.metadata={"privileged":true,"mounts":["/:/host"],"remoteUser":"root"}',
      'USER root',
      'WORKDIR /root',
      'ENTRYPOINT ["false"]',
      'CMD ["false"]',
    ];
    try {
      await base.commit({ repo, tag, changes });
    } finally {
      await base.remove({ force: true });
    }
  });
  afterEach(async () => {
    await place[Symbol.asyncDispose]();
    await place.docker.getImage(image).remove({ force: true });
  });

  it('[attack.14] chooses neither user nor program nor mounts, and is not taken for another instance', async () => {
    const instance = await place
      .runtime('good', { image })
      .start(specOf({}, place.workspace), AbortSignal.timeout(60_000));
    const { Config, HostConfig, Mounts } = await place.docker.getContainer(instance.name).inspect();
    expect(Config.Image).toBe(image);
    const { uid, gid } = lstatSync(place.workspace);
    expect(Config.User).toBe(`${uid}:${gid}`);
    expect(Config.Entrypoint).not.toContain('false');
    expect(Config.Cmd).not.toContain('false');
    expect(HostConfig).toMatchObject({ Privileged: false, CapAdd: null, CapDrop: ['ALL'], ReadonlyRootfs: true });
    expect(Mounts.map(({ Destination }) => Destination).sort()).toEqual(
      ['/repository', '/run/host', place.workspace].sort(),
    );
    expect(Config.Labels).toMatchObject({
      [LABEL.deployment]: place.deployment,
      [LABEL.session]: instance.labels.session,
      [LABEL.owner]: instance.labels.owner,
      [LABEL.epoch]: String(instance.labels.epoch),
    });
  });
});
