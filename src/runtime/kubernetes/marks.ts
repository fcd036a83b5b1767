import type { V1ObjectMeta, V1Pod } from '@kubernetes/client-node';
import { LABEL, labelsFor, type Marked, readLabels } from '../labels.ts';
import { labelValueOf } from './names.ts';

/** What NetworkPolicies know the Pods of instances by (k8s/base). */
const PART = {
  'app.kubernetes.io/name': 'mcp-session-manager',
  'app.kubernetes.io/component': 'instance',
};
const { deployment: DEPLOYMENT, session: SESSION, server: SERVER, owner: OWNER } = LABEL;

/**
 * Labels and annotations of an instance's Pod. A label's value is short and of few characters: labels are what Pods are
 * found by, annotations with the same keys are what they say.
 */
export function marksFor(
  deployment: string,
  marked: Marked,
  network: string,
): Required<Pick<V1ObjectMeta, 'labels' | 'annotations'>> {
  const { session, server, owner } = marked.labels;
  return {
    labels: {
      ...PART,
      [LABEL.network]: network,
      ...selectorFor(deployment, session),
      [SERVER]: labelValueOf(server),
      [OWNER]: labelValueOf(owner),
    },
    annotations: labelsFor(deployment, marked),
  };
}

/** The labels by which a deployment's Pods are found, or those of one of its sessions. */
export function selectorFor(deployment: string, session?: string): Record<string, string> {
  return {
    [DEPLOYMENT]: labelValueOf(deployment),
    ...(session === undefined ? {} : { [SESSION]: labelValueOf(session) }),
  };
}

/** What a Pod says; undefined if it is none of this deployment's instances. */
export function readMarks(deployment: string, { metadata }: V1Pod): Marked | undefined {
  return readLabels(deployment, metadata?.annotations);
}
