import { parseLabels } from '../core/pid-file.ts';
import type { InstanceLabels } from '../core/runtime.ts';

const PREFIX = 'io.github.mcp-session-manager';

/** Keys of the labels of containers and Pods: reverse DNS, as Docker asks for, and names that Kubernetes takes as well. */
export const LABEL = {
  /** Whose it is: one deployment never touches what another's label has. */
  deployment: `${PREFIX}.deployment`,
  /** What network a Pod is given: `none`, `egress` or `bridge`. */
  network: `${PREFIX}.network`,
  /** When it was made, milliseconds since the epoch. */
  made: `${PREFIX}.made`,
  session: `${PREFIX}.session`,
  server: `${PREFIX}.server`,
  owner: `${PREFIX}.owner`,
  nonce: `${PREFIX}.nonce`,
  incarnation: `${PREFIX}.incarnation`,
  epoch: `${PREFIX}.epoch`,
  deadline: `${PREFIX}.deadline`,
} as const;

/** What a container's labels say. */
export interface Marked {
  readonly labels: InstanceLabels;
  /** Milliseconds since the epoch. */
  readonly madeAt: number;
}

/** The labels of an instance of this deployment. */
export function labelsFor(deployment: string, { labels, madeAt }: Marked): Record<string, string> {
  const own = Object.entries(labels).map(([name, value]) => [LABEL[name as keyof InstanceLabels], String(value)]);
  return { ...Object.fromEntries(own), [LABEL.deployment]: deployment, [LABEL.made]: String(madeAt) };
}

/** What `labels` say; undefined if they are not those of an instance of this deployment. */
export function readLabels(deployment: string, labels: Readonly<Record<string, string>> = {}): Marked | undefined {
  const madeAt = Number(labels[LABEL.made] ?? Number.NaN);
  if (labels[LABEL.deployment] !== deployment || !Number.isFinite(madeAt)) return undefined;
  const { session, server, owner, nonce } = LABEL;
  const own = parseLabels(
    JSON.stringify({
      session: labels[session],
      server: labels[server],
      owner: labels[owner],
      nonce: labels[nonce],
      incarnation: Number(labels[LABEL.incarnation]),
      epoch: Number(labels[LABEL.epoch]),
      deadline: Number(labels[LABEL.deadline]),
    }),
  );
  return own && { labels: own, madeAt };
}
