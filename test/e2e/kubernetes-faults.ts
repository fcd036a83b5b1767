import type { Fault } from '../faults/faults.ts';
import { eventually } from '../support/eventually.ts';
import { type KubernetesStack, kubectl, MANAGER, SESSIONS } from './kubernetes-stack.ts';

const UNKNOWN = /whether the call took effect is unknown/;
/** Of a call whose server’s new Pod was not there within `holdDeadline`: so many start at once on the nodes that are left. */
const LATE = /cannot be reached at the moment|is not ready yet/;
/** Of a call whose connection broke with the balancer that carried it. */
const BROKEN = /fetch failed|terminated|other side closed|Connection (closed|reset)/i;
const ROLLOUT_MS = 400_000;
const DRAIN_MS = 300_000;
const READY_MS = 60_000;

/** What a deployment on Kubernetes must survive: what Kubernetes itself does to it, and what happens to its Pods. */
export const KUBERNETES_FAULTS: readonly Fault<KubernetesStack>[] = [
  {
    name: 'a gateway’s Pod killed',
    cuts: 'gateway',
    inject: async ({ stack }) => stack.kill(MANAGER, (await stack.pods('gateway'))[0] as string),
  },
  {
    name: 'both controllers’ Pods killed',
    inject: async ({ stack }) => {
      for (const pod of await stack.pods('controller')) await stack.kill(MANAGER, pod);
    },
  },
  {
    name: 'a balancer’s Pod killed',
    mayFail: BROKEN,
    cuts: 'balancer',
    inject: async ({ stack }) => stack.kill(MANAGER, (await stack.pods('haproxy'))[0] as string),
  },
  {
    name: 'two instances’ Pods killed',
    mayFail: UNKNOWN,
    inject: async ({ stack }) => {
      for (const pod of (await stack.instances()).slice(0, 2)) await stack.kill(SESSIONS, pod);
    },
  },
  {
    name: 'rolling update of gateways and controllers',
    inject: async ({ stack }) => {
      for (const part of ['deployment/gateway', 'deployment/controller']) {
        await kubectl(['-n', MANAGER, 'rollout', 'restart', part]);
        await kubectl(['-n', MANAGER, 'rollout', 'status', part], ROLLOUT_MS);
      }
      await eventually('three gateways', async () => (await stack.pods('gateway')).length === 3, READY_MS);
    },
  },
  {
    name: 'a node drained',
    // Its instances end with it.
    mayFail: new RegExp(`${UNKNOWN.source}|${BROKEN.source}|${LATE.source}`, 'i'),
    cuts: 'balancer',
    inject: async ({ stack }) => {
      const node = await stack.drainable();
      const still = [
        '--ignore-daemonsets',
        '--delete-emptydir-data',
        '--force',
        '--pod-selector=app.kubernetes.io/name=mcp-session-manager',
      ];
      try {
        await kubectl(['drain', node, ...still, `--timeout=${DRAIN_MS / 1000}s`], DRAIN_MS + READY_MS);
        await stack.whole();
      } finally {
        await kubectl(['uncordon', node]);
      }
    },
  },
];
