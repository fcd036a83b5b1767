import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';

/** What tests need of the machine beyond Node: a program that must answer, and what to do where it does not. */
const NEEDS = {
  redis: { probe: ['redis-server', '--version'], remedy: 'install redis-server' },
  ps: { probe: ['ps', '-p', '1', '-o', 'lstart='], remedy: 'install procps' },
  proc: { probe: ['test', '-r', '/proc/self/environ'], remedy: 'run it on Linux' },
  docker: { probe: ['docker', 'info'], remedy: 'start Docker Engine' },
  cluster: {
    probe: ['sh', '-c', 'test -r "$KUBECONFIG" && test -d "${CLUSTER_SHARED%%:*}" && kubectl get --raw /readyz'],
    remedy:
      'set KUBECONFIG to that of a Kubernetes cluster for tests, CLUSTER_SHARED to a directory that its nodes see as well, HERE:THERE',
  },
  jq: { probe: ['sh', '-c', 'jq --version && curl --version'], remedy: 'install curl and jq' },
  tmux: { probe: ['tmux', '-V'], remedy: 'install tmux' },
  nodes: {
    probe: [
      'sh',
      '-c',
      'test -r "$KUBECONFIG" && test -d "${CLUSTER_SHARED%%:*}" && test -n "$CLUSTER_LOAD" && kubectl get --raw /readyz',
    ],
    remedy:
      'set KUBECONFIG to that of a Kubernetes cluster for tests, CLUSTER_SHARED to a directory that its nodes see as well, HERE:THERE, and CLUSTER_LOAD to a command that brings an image to all nodes',
  },
  kustomize: {
    probe: ['sh', '-c', 'kustomize version || kubectl kustomize --help'],
    remedy: 'install kustomize, or kubectl',
  },
  zsh: { probe: ['zsh', '--version'], remedy: 'install zsh' },
  fish: { probe: ['fish', '--version'], remedy: 'install fish' },
  promtool: { probe: ['promtool', '--version'], remedy: 'install prometheus' },
  amtool: { probe: ['amtool', '--version'], remedy: 'install prometheus-alertmanager' },
} as const;

export type Need = keyof typeof NEEDS;

/**
 * `describe` where this machine has `name`; else a `describe` that skips, with the reason in its title.
 * With the environment variable `REQUIRE=redis,...` a lack throws instead, so that CI cannot skip unseen.
 */
export function requires(name: Need): (title: string, suite: () => void) => void {
  const required = (process.env.REQUIRE ?? '').split(',').filter((item) => item !== '');
  const unknown = required.find((item) => !(item in NEEDS));
  if (unknown) throw new Error(`REQUIRE names "${unknown}"; known are: ${Object.keys(NEEDS).join(', ')}`);
  const { probe, remedy } = NEEDS[name];
  if (spawnSync(probe[0], probe.slice(1), { stdio: 'ignore' }).status === 0) return describe;
  if (required.includes(name)) throw new Error(`REQUIRE says "${name}", but ${probe[0]} does not run: ${remedy}`);
  return (title, suite) => describe.skip(`${title} (skipped: no ${name}: ${remedy})`, suite);
}
