import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { CONTROLLER_RULES } from '../support/kubernetes-role.ts';
import { MANAGER, ofEachWhole, read, SESSIONS } from '../support/manifest-wholes.ts';
import { ofKind } from '../support/manifests.ts';

const RUNTIME = 'src/runtime/kubernetes';
const RESOURCES: Readonly<Record<string, string>> = {
  Pod: 'pods',
  PodLog: 'pods/log',
  Secret: 'secrets',
  Event: 'events',
};

/** What the runtime's source asks of the Kubernetes API: verb and resource. */
function asked(): string[] {
  const files = readdirSync(fileURLToPath(new URL(`../../${RUNTIME}`, import.meta.url)));
  const source = files.map((file) => read(join(RUNTIME, file))).join('\n');
  const calls = [...source.matchAll(/\.(create|read|list|delete|patch|replace|connect)\w*?Namespaced(\w+)\(/g)].map(
    ([, verb = '', resource = '']) => `${verb === 'read' ? 'get' : verb} ${RESOURCES[resource] ?? resource}`,
  );
  const watches = [...source.matchAll(/new Watch\(/g)].map(() => 'watch pods');
  return [...new Set([...calls, ...watches])].sort();
}

ofEachWhole('rights', (whole) => {
  it('are what the runtime asks for, where sessions are, and nothing else', () => {
    const [role, ...others] = ofKind(whole().manifests, 'Role');
    expect(others).toEqual([]);
    const rules = role?.rules as { apiGroups: string[]; resources: string[]; verbs: string[] }[];
    const granted = rules.flatMap(({ apiGroups, resources, verbs }) => {
      expect(apiGroups).toEqual(['']);
      return resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`));
    });
    expect(granted.sort()).toEqual(asked());
    // With these the runtime's contract suite passes on a cluster.
    expect(rules).toEqual(CONTROLLER_RULES);
  });

  it('are the controller’s alone', () => {
    const { manifests, pods } = whole();
    expect(ofKind(manifests, 'ClusterRole', 'ClusterRoleBinding')).toEqual([]);
    const bindings = ofKind(manifests, 'RoleBinding');
    expect(bindings.map(({ metadata, subjects }) => [metadata.namespace, subjects])).toEqual([
      [SESSIONS, [{ kind: 'ServiceAccount', name: 'controller', namespace: MANAGER }]],
    ]);
    for (const { name, spec } of pods) expect(spec.automountServiceAccountToken, name).toBe(name === 'controller');
    for (const { metadata, automountServiceAccountToken: token } of ofKind(manifests, 'ServiceAccount'))
      expect(token, metadata.name).toBe(false);
  });

  it('of Pods are `restricted` in both namespaces', () => {
    const enforced = ofKind(whole().manifests, 'Namespace').map(({ metadata }) => [
      metadata.name,
      metadata.labels?.['pod-security.kubernetes.io/enforce'],
    ]);
    expect(new Map(enforced as [string, string][])).toEqual(
      new Map([
        [MANAGER, 'restricted'],
        [SESSIONS, 'restricted'],
      ]),
    );
  });
});
