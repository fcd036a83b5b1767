import type { V1ContainerStatus, V1Pod, V1PodCondition } from '@kubernetes/client-node';
import type { Lack } from './cluster-errors.ts';

/** How an instance's Pod is. */
export type PodState =
  | { readonly is: 'running' }
  /** It does not run yet. `lack`: what it waits for; `hopeless`: it will not get it by waiting. */
  | { readonly is: 'starting'; readonly why: string; readonly lack?: Lack; readonly hopeless?: true }
  /**
   * It does not run any more, or is about to end. `lack`: it never ran for want of this; `lost`: the cluster has given up its
   * node, so that nobody knows whether it still runs there.
   */
  | { readonly is: 'ended'; readonly why: string; readonly lack?: Lack; readonly lost?: true };

/** 128 and the number of SIGKILL. */
const KILLED = 137;

/** Reasons of a container that waits, and what it is for (kubelet, `images/types.go` and `container/sync_result.go`). */
const WAITING: Readonly<Record<string, { readonly lack?: Lack; readonly hopeless: true }>> = {
  ErrImagePull: { lack: 'image', hopeless: true },
  ImagePullBackOff: { lack: 'image', hopeless: true },
  ErrImageNeverPull: { lack: 'image', hopeless: true },
  RegistryUnavailable: { lack: 'image', hopeless: true },
  ImageInspectError: { lack: 'image', hopeless: true },
  SignatureValidationFailed: { lack: 'image', hopeless: true },
  InvalidImageName: { hopeless: true },
  CreateContainerConfigError: { hopeless: true },
  CreateContainerError: { hopeless: true },
  RunContainerError: { hopeless: true },
};

/** Why somebody else ends a Pod (Kubernetes, "Disruptions", "Pod disruption conditions"). */
const DISRUPTIONS: Readonly<Record<string, string>> = {
  EvictionByEvictionAPI: 'it was evicted: its node is drained',
  PreemptionByScheduler: 'it made way for Pods of a higher priority',
  DeletionByPodGC: 'its node is gone',
  TerminationByKubelet: 'its node ended it',
};

/** The cluster has not heard of its node for as long as the Pod tolerates. */
const NODE_LOST = 'DeletionByTaintManager';

/** A node that has no room for a Pod it was given refuses it (kubelet, admission). */
const REFUSED = /^(?:OutOf\w+|NodeAffinity|UnexpectedAdmissionError|TopologyAffinityError|NodePorts)$/;

/** What a Pod's status says, with reasons for people. */
export function stateOf(pod: V1Pod): PodState {
  const { metadata, status = {} } = pod;
  const container = status.containerStatuses?.[0];
  if (metadata?.deletionTimestamp || status.phase === 'Failed' || status.phase === 'Succeeded' || ended(container))
    return endOf(pod, container);
  if (container?.state?.running && status.podIP) return { is: 'running' };
  return waitOf(pod, container);
}

const ended = (container: V1ContainerStatus | undefined) => container?.state?.terminated !== undefined;

function endOf({ spec, metadata, status = {} }: V1Pod, container: V1ContainerStatus | undefined): PodState {
  const { reason = '', message = '' } = status;
  const disruption = conditionOf(status.conditions, 'DisruptionTarget');
  const more = (text: string) => (text === '' ? '' : `: ${text}`);
  const end = (why: string) => ({ is: 'ended', why }) as const;
  if (REFUSED.test(reason)) return { ...end(`its node refused it (${reason})${more(message)}`), lack: 'room' };
  if (reason === 'DeadlineExceeded') return end('its session has reached its maximum age');
  if (reason === 'Evicted') return end(`its node evicted it${more(message)}`);
  if (disruption?.reason === NODE_LOST || reason === 'NodeLost') return { ...end('its node was lost'), lost: true };
  if (disruption)
    return end(DISRUPTIONS[disruption.reason ?? ''] ?? `it was disrupted${more(disruption.message ?? '')}`);
  const { reason: how, exitCode, message: said = '' } = container?.state?.terminated ?? {};
  if (how === 'OOMKilled') {
    const limit = spec?.containers[0]?.resources?.limits?.memory;
    const mebibytes = Math.floor(Number(limit) / 2 ** 20);
    return end(`it ran out of memory: it may have ${mebibytes} MiB ("limits" in the catalogue)`);
  }
  if (how === 'ContainerStatusUnknown') return end('its node does not know what became of it');
  if (exitCode === KILLED) return end('its container was killed');
  if (exitCode !== undefined) return end(`its container ended with exit code ${exitCode}${more(said)}`);
  return end(metadata?.deletionTimestamp ? 'its Pod is being removed' : `its Pod ended${more(message)}`);
}

function waitOf({ status = {} }: V1Pod, container: V1ContainerStatus | undefined): PodState {
  const { reason, message = '' } = container?.state?.waiting ?? {};
  const trouble = reason === undefined ? undefined : WAITING[reason];
  if (trouble) return { is: 'starting', why: `${reason}: ${message}`, ...trouble };
  const scheduled = conditionOf(status.conditions, 'PodScheduled', 'False');
  if (scheduled) return { is: 'starting', ...placeless(scheduled) };
  return { is: 'starting', why: 'its Pod was made and does not run yet' };
}

/** No node takes it: for now, or because a volume is not there. */
function placeless({ message = '' }: V1PodCondition): { why: string; lack: Lack; hopeless?: true } {
  if (/persistentvolumeclaim "[^"]*" not found/.test(message))
    return { why: message, lack: 'workspace', hopeless: true };
  return { why: `no node has room for it: ${message}`, lack: 'room' };
}

function conditionOf(all: V1PodCondition[] | undefined, type: string, status = 'True'): V1PodCondition | undefined {
  return all?.find((condition) => condition.type === type && condition.status === status);
}
