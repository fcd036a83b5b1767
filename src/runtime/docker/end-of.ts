import type { ContainerInspectInfo } from 'dockerode';

/** 128 and the number of SIGKILL. */
const KILLED = 137;

/** Why a container does not run, for people; undefined if it does. */
export function endOf({ State: state, HostConfig: { Memory } }: ContainerInspectInfo): string | undefined {
  if (state.Running && state.Status !== 'removing') return undefined;
  if (state.Status === 'created') return state.Error || 'its container was made and never started';
  if (state.OOMKilled)
    return `it ran out of memory: it may have ${Math.floor((Memory ?? 0) / 2 ** 20)} MiB ("limits" in the catalogue)`;
  if (state.ExitCode === KILLED) return 'its container was killed';
  return `its container ended with exit code ${state.ExitCode}${state.Error && `: ${state.Error}`}`;
}
