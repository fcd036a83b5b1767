import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { eventually } from './eventually.ts';

/** Runs a program in a container as its user; resolves with what it wrote. Throws if it fails. */
export async function execIn(docker: Docker, container: string, command: readonly string[]): Promise<string> {
  const exec = await docker
    .getContainer(container)
    .exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true, WorkingDir: '/' });
  const stream = await exec.start({});
  const [out, err] = [new PassThrough(), new PassThrough()];
  const said = Promise.all([text(out), text(err)]);
  docker.modem.demuxStream(stream, out, err);
  stream.on('end', () => {
    out.end();
    err.end();
  });
  const [written, complaint] = await said;
  // Its output ends before the engine knows how it ended itself.
  const { ExitCode } = await eventually('it has ended', async () => {
    const state = await exec.inspect();
    return state.Running ? undefined : state;
  });
  if (ExitCode !== 0) throw new Error(`${command.join(' ')}: exit code ${ExitCode}: ${complaint}`);
  return written;
}
