import { afterAll, beforeAll, expect, it } from 'vitest';
import { tableHead, tableRow } from '../faults/outcome.ts';
import { Suite } from '../faults/suite.ts';
import { requires } from '../support/requires.ts';
import { KUBERNETES_FAULTS } from './kubernetes-faults.ts';
import { reached } from './kubernetes-reach.ts';
import { KubernetesStack, kubectl, MANAGER, SESSIONS } from './kubernetes-stack.ts';

const START_MS = 600_000;
const FAULT_MS = 600_000;
const TERMINALS = 8;

const say = (line: string) => process.stdout.write(`${line}\n`);

/**
 * One command, some ten minutes:
 *
 *     KUBECONFIG=... CLUSTER_SHARED=HERE:THERE CLUSTER_LOAD='kind load docker-image' npx vitest run test/e2e/kubernetes.test.ts
 *
 * CLUSTER_LOAD brings the image that it is given to all nodes; `CLUSTER_SHARED` is a directory here, and the same one as nodes
 * see it. The cluster must not have the namespaces of k8s/ yet; it has two nodes or more, of which one is drained.
 */
requires('nodes')('the deployment of k8s/overlays/dev under steady calls', () => {
  let suite: Suite<KubernetesStack>;
  beforeAll(async () => {
    suite = await Suite.on(await KubernetesStack.up(), TERMINALS);
    say(`${await kubectl(['version'])}\n${tableHead()}`);
  }, START_MS);
  afterAll(() => suite?.[Symbol.asyncDispose](), START_MS);

  it('answers all of them', { timeout: FAULT_MS }, async () => {
    const outcome = await suite.calm();
    say(tableRow(outcome));
    expect(outcome.wrong).toEqual([]);
    expect(outcome.calls).toBeGreaterThan(TERMINALS);
  });

  it.each(KUBERNETES_FAULTS)('survives $name', { timeout: FAULT_MS }, async (fault) => {
    const outcome = await suite.suffer(fault);
    if (!('skipped' in outcome)) say(tableRow(outcome));
    expect(outcome).toMatchObject({ ranTwice: 0, lost: 0, leftOver: 0, wrong: [] });
  });

  it('lets gateways do nothing with Pods, and the controller what it must', { timeout: FAULT_MS }, async () => {
    const [pod = ''] = await suite.stack.instances();
    const asks = [
      ['get', 'pods'],
      ['get', 'pod', pod],
      ['logs', pod],
      ['exec', pod, '--', 'true'],
      ['delete', 'pod', pod],
      ['run', 'intruder', '--image=none'],
      ['get', 'secrets'],
    ];
    const as = (account: string, args: readonly string[]) =>
      kubectl(['-n', SESSIONS, `--as=system:serviceaccount:${MANAGER}:${account}`, ...args]);
    for (const args of asks) await expect(as('gateway', args), args.join(' ')).rejects.toThrow(/forbidden/i);
    await expect(as('controller', ['get', 'pods'])).resolves.toContain(pod);
    for (const args of [
      ['get', 'secrets'],
      ['exec', pod, '--', 'true'],
    ])
      await expect(as('controller', args), args.join(' ')).rejects.toThrow(/forbidden/i);
  });

  it('lets nobody reach what they need not', { timeout: FAULT_MS }, async () => {
    expect(await reached()).toEqual({
      'gateway -> redis': 'open',
      'gateway -> instance': 'open',
      'gateway -> controller': 'shut',
      'gateway -> api': 'shut',
      'controller -> redis': 'open',
      'controller -> instance': 'open',
      'controller -> gateway': 'shut',
      'controller -> api': 'open',
      'instance -> redis': 'shut',
      'instance -> gateway': 'shut',
      'instance -> controller': 'shut',
      'instance -> api': 'shut',
    });
  });

  it('leaves no Pod when its sessions have ended', { timeout: FAULT_MS }, async () => {
    expect(await suite.end()).toBe(0);
  });
});
